//! Handing metrics to others, where nothing can scrape.
//!
//! Once, from whoever has the directory at the end of a job. Jobs themselves need not: what they have
//! recorded stays in the directory when they end.

mod destination;
mod gateway;
#[cfg(feature = "otlp")]
mod otlp;
mod send;

pub use destination::{Credentials, Destination};
pub use gateway::push;
#[cfg(feature = "otlp")]
pub use otlp::push_otlp;
