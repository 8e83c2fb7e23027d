//! The Prometheus text format, version 0.0.4.

use crate::surface::Exposition;

/// The `Content-Type` of [`text`].
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The exposition as Prometheus text 0.0.4, spelled as `prometheus_client` spells it.
#[must_use]
pub fn text(exposition: &Exposition) -> String {
    let _ = exposition;
    String::new()
}
