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
/// - Families whose names end in `_seconds` or `_bytes` have that unit.
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
///
/// ```
/// use ictus::{expose::{openmetrics, openmetrics_into}, surface::Exposition};
///
/// let exposition = Exposition::default();
/// let mut buffer = String::new();
/// openmetrics_into(&mut buffer, &exposition);
/// assert_eq!(buffer, openmetrics(&exposition));
/// ```
pub fn openmetrics_into(out: &mut String, exposition: &Exposition) {
    let mut writer = Writer::new(out, exposition);
    for family in exposition.families() {
        writer.help(family, "", escape::value);
        writer.type_line(family, "");
        writer.unit_line(family);
        if family.has_exemplars() {
            writer.samples_with_exemplars(family);
        } else {
            writer.samples(family);
        }
    }
    out.push_str("# EOF\n");
}

#[cfg(test)]
mod tests {
    use super::openmetrics;
    use crate::{
        catalog::Kind,
        snapshot::{Family, Series, Snapshot, Value},
        surface::{Exposition, View},
    };

    #[test]
    fn families_have_the_unit_with_which_their_names_end() {
        let family =
            |name: &str, kind, value| Family::new(name, kind, &[], vec![Series::new(Vec::new(), value)]);
        let families = vec![
            family("busy_seconds", Kind::Counter, Value::Counter(1.0)),
            family("free_bytes", Kind::Gauge, Value::Gauge(1.0)),
            family("milliseconds", Kind::Gauge, Value::Gauge(1.0)),
            family("seconds_left", Kind::Gauge, Value::Gauge(1.0)),
            family("wait.seconds", Kind::Gauge, Value::Gauge(1.0)),
        ];
        let mut view = View::default();
        view.own_state = false;
        let text = openmetrics(&Exposition::new(&Snapshot::new(families), &view));
        let units: Vec<_> = text.lines().filter(|line| line.starts_with("# UNIT")).collect();
        let expected =
            ["# UNIT busy_seconds seconds", "# UNIT free_bytes bytes", "# UNIT wait_seconds seconds"];
        assert_eq!(units, expected, "{text}");
        assert!(
            text.contains("# TYPE busy_seconds counter\n# UNIT busy_seconds seconds\nbusy_seconds_total ")
        );
    }
}
