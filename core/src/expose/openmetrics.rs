//! The OpenMetrics text format, version 1.0.0.

use super::writer::Writer;
use crate::{literals::escape, surface::Exposition};

/// The `Content-Type` of [`openmetrics`].
pub const OPENMETRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Returns the exposition as OpenMetrics text 1.0.0.
///
/// The format differs from text 0.0.4 as follows:
///
/// - The family of a counter is named without `_total`.
/// - Quotes in help texts are escaped.
/// - Buckets of histograms have exemplars.
/// - `# EOF` marks the end, so that a client detects a truncated response.
///
/// ```
/// # let registry = ictus::Registry::new();
/// registry.counter("jobs", "Jobs done.", &[])?.labels(&[])?.inc();
/// let exposition = ictus::surface::Exposition::new(&registry.snapshot()?, &Default::default());
/// let text = ictus::expose::openmetrics(&exposition);
/// assert!(text.ends_with("# HELP jobs Jobs done.\n# TYPE jobs counter\njobs_total 1.0\n# EOF\n"), "{text}");
/// # Ok::<(), ictus::Error>(())
/// ```
#[must_use]
pub fn openmetrics(exposition: &Exposition) -> String {
    let mut out = String::new();
    openmetrics_into(&mut out, exposition);
    out
}

/// Appends what [`openmetrics`] returns to a buffer, which repeated calls can reuse.
pub fn openmetrics_into(out: &mut String, exposition: &Exposition) {
    let mut writer = Writer::new(out, exposition);
    for family in exposition.families() {
        writer.help(family, "", escape::value);
        writer.type_line(family, "");
        if family.has_exemplars() {
            writer.samples_with_exemplars(family);
        } else {
            writer.samples(family);
        }
    }
    out.push_str("# EOF\n");
}
