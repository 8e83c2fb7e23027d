//! Encoders: write an exposition as Prometheus text, OpenMetrics or protobuf. Pure functions from
//! data to bytes.

mod openmetrics;
mod protobuf;
mod text;
mod writer;

pub use openmetrics::{OPENMETRICS_CONTENT_TYPE, openmetrics, openmetrics_into};
pub use protobuf::{PROTOBUF_CONTENT_TYPE, protobuf, protobuf_into};
pub use text::{TEXT_CONTENT_TYPE, text, text_into};
