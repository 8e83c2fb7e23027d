//! The endpoint that Prometheus scrapes.
//!
//! Over TCP or a unix socket. `GET` and `HEAD` of `/metrics`; `/` and `/health` answer `OK`, but a
//! browser gets a live page at `/`. Idle, slow
//! and broken clients cost a slot each for a bounded time and delay nobody.
//!
//! - `?surface=` chooses another view, `?name[]=` the families, once for each name.
//! - `Accept` chooses the format: text 0.0.4, or OpenMetrics 1.0.0 or protobuf where it is liked better.
//!   Nobody is refused. What a function writes ([`Source::from_fn`](crate::Source::from_fn)) is text.
//! - `?native=1` adds native histograms to protobuf, and `?native=0` leaves them out where the source
//!   has them ([`Source::with_native`](crate::Source::with_native)). A Prometheus that takes these
//!   drops the classic buckets, which dashboards may be made of: so none is added unasked.
//! - `/metrics` and all else but `/health` may be for some clients alone ([`Security`]).
//! - `/snapshot.json` and `/window.json` are what the page shows.
//! - `Accept-Encoding` chooses gzip, for what does not fit into one packet.

mod accept;
mod address;
mod budget;
mod guard;
mod hosts;
mod listener;
mod page;
mod places;
mod query;
mod route;
mod security;
mod server;
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
