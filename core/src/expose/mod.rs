//! An exposition in a format that Prometheus reads: pure functions from data to text.

pub(crate) mod escape;
pub(crate) mod number;
mod text;
mod writer;

pub use text::{TEXT_CONTENT_TYPE, text, text_into};
