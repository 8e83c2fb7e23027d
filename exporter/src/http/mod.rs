//! HTTP endpoint that Prometheus scrapes, over TCP or a unix socket.
//!
//! The endpoint responds to `GET` and `HEAD`. `/metrics` returns the exposition. `/` and `/health`
//! return `OK`, but a browser gets a live page at `/`. Idle, slow and broken clients each occupy a
//! connection for a bounded time and delay no other client.
//!
//! - `?surface=` selects another view. `?name[]=` selects families; repeat it for each name.
//! - `Accept` selects the format: text 0.0.4, or OpenMetrics 1.0.0 or protobuf if the client prefers
//!   it. No client is refused for its `Accept`. A function
//!   ([`Source::from_fn`](crate::Source::from_fn)) only writes text.
//! - `?native=1` adds native histograms to protobuf. `?native=0` omits them if the source includes
//!   them by default ([`Source::with_native`](crate::Source::with_native)). They are not the default
//!   because a Prometheus that ingests native histograms drops the classic buckets, which dashboards
//!   may use.
//! - `/metrics` and all other paths except `/health` can be restricted to authenticated clients
//!   ([`Security`]).
//! - `/snapshot.json`, `/window.json`, `/history.json` and `/about.json` return the data of the live page.
//! - `Accept-Encoding` selects gzip, for responses that do not fit into one packet.
//!
//! Limits: the number of connections in total and of one address, the responses that one address has
//! in progress, the size of a request's head, and the bytes that clients have not read yet.

mod about;
mod address;
mod budget;
mod connection_policy;
mod hosts;
mod listen;
mod listener;
mod negotiate;
#[cfg_attr(not(feature = "page"), path = "no_page.rs")]
mod page;
mod query;
mod response;
mod route;
mod security;
mod server;
mod slots;
mod socket;
mod socket_file;
mod timed;
mod turns;
mod window;

pub use address::{BoundAddress, ListenAddress};
pub(crate) use budget::{Account, Charge, UsedUp};
pub use route::{answer, answer_parts};
pub use security::{Security, SecurityFiles};
pub use server::Server;
