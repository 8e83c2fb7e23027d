//! `/about.json`: the origin of the metrics, for the header of the live page.

use serde::Serialize;

use crate::source::Source;

#[derive(Serialize)]
struct About {
    version: &'static str,
    /// The name of the machine; none if it has none.
    host: Option<String>,
    /// The metrics directory; none for a source without one.
    directory: Option<String>,
    /// The surfaces that `/metrics` shows by default.
    surfaces: Vec<&'static str>,
}

/// Returns the description of a source as JSON.
pub(super) fn json(source: &Source) -> Vec<u8> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let about = About {
        version: env!("CARGO_PKG_VERSION"),
        host: Some(host).filter(|host| !host.is_empty()),
        directory: source.directory().map(|directory| directory.display().to_string()),
        surfaces: source.view().surfaces().iter().map(|surface| surface.as_str()).collect(),
    };
    // Serialization fails only if a key is not a string; all keys are.
    serde_json::to_vec(&about).unwrap_or_default()
}
