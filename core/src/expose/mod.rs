//! An exposition in a format that Prometheus reads: pure functions from data to text.

mod text;

pub use text::{TEXT_CONTENT_TYPE, text};
