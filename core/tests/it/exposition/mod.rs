//! Snapshots as text, OpenMetrics and protobuf.

mod documented_surface;
mod golden;
mod protobuf;
mod round_trip;
