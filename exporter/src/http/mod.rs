//! The endpoint that Prometheus scrapes.
//!
//! `GET` and `HEAD` of `/metrics`; `/` and `/health` answer `OK`. Idle, slow and broken clients cost
//! a slot each for a bounded time and delay nobody.
//!
//! - `?surface=` chooses another view, `?name[]=` the families, once for each name.
//! - `Accept` chooses the format: text 0.0.4, or OpenMetrics 1.0.0 or protobuf where it is liked better
//!   and no [`Extra`](crate::Extra) families have to be appended. Nobody is refused.
//! - `?native=1` adds native histograms to protobuf. A Prometheus that takes these drops the
//!   classic buckets, which dashboards may be made of: so none is added unasked.
//! - `Accept-Encoding` chooses gzip, for what does not fit into one packet.

mod accept;
mod query;
mod route;
mod server;

pub use server::Server;
