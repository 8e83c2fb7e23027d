//! Push: sends metrics to a Pushgateway or an OpenTelemetry Collector, for environments without a
//! scraper.
//!
//! A push happens once, in a process that can read the directory, usually at the end of a job. The
//! job itself need not push: its metrics stay in the directory after it has ended.
//!
//! Limits: plain HTTP only, and a timeout of ten seconds for each push.

mod destination;
mod gateway;
#[cfg(feature = "otlp")]
mod otlp;
mod send;

pub use destination::{Credentials, Destination};
pub use gateway::push;
#[cfg(feature = "otlp")]
pub use otlp::push_otlp;
