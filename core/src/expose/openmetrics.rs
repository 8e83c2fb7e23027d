//! OpenMetrics text, version 1.0.0.

use super::{escape, writer::Writer};
use crate::surface::Exposition;

/// The `Content-Type` of [`openmetrics`].
pub const OPENMETRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The exposition as OpenMetrics text 1.0.0.
///
/// Beside text 0.0.4, a counter's family is named without `_total`, quotes in help texts are
/// escaped, and the end is marked: what is cut off on its way is noticed. The buckets of histograms have
/// their exemplars.
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

/// Appends what [`openmetrics`] returns, for a caller that renders again and again into one buffer.
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
