//! The Prometheus text format, version 0.0.4.

use super::writer::Writer;
use crate::surface::{Exposition, ShownType};

/// The `Content-Type` of [`text`].
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The exposition as Prometheus text 0.0.4, spelled as `prometheus_client` spells it.
///
/// ```
/// # let registry = ictus::Registry::new();
/// registry.counter("jobs", "Jobs done.", &["queue"])?.labels(&["a \"b\""])?.inc();
/// let exposition = ictus::surface::Exposition::new(&registry.snapshot()?, &Default::default());
/// let text = ictus::expose::text(&exposition);
/// assert!(text.contains("# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\n"));
/// assert!(text.ends_with("jobs_total{queue=\"a \\\"b\\\"\"} 1.0\n"), "{text}");
/// # Ok::<(), ictus::Error>(())
/// ```
#[must_use]
pub fn text(exposition: &Exposition) -> String {
    let mut out = String::new();
    text_into(&mut out, exposition);
    out
}

/// Appends what [`text`] returns, for a caller that renders again and again into one buffer.
pub fn text_into(out: &mut String, exposition: &Exposition) {
    let mut writer = Writer::new(out);
    for family in &exposition.families {
        // In this format a counter's `_total` belongs to the family's name.
        let suffix = if family.shown_type == ShownType::Counter { "_total" } else { "" };
        writer.help(family, suffix);
        writer.type_line(family, suffix);
        for sample in &family.samples {
            writer.sample(family, sample);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::surface::{Exposition, Sample, ShownFamily, ShownType};

    fn sample(suffix: &'static str, labels: &[(&str, &str)], value: f64) -> Sample {
        let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Sample { suffix, labels, value }
    }

    fn family(name: &str, help: &str, shown_type: ShownType, samples: Vec<Sample>) -> ShownFamily {
        ShownFamily { name: name.to_owned(), help: help.to_owned(), shown_type, samples }
    }

    #[test]
    fn nothing_is_an_empty_text() {
        assert_eq!(text(&Exposition::default()), "");
    }

    #[test]
    fn families_are_spelled_as_prometheus_client_spells_them() {
        let families = vec![
            family(
                "jobs",
                "Jobs \\ \"done\"\nso far",
                ShownType::Counter,
                vec![sample("_total", &[("kind", "a\"b"), ("zone", "")], 2e6)],
            ),
            family("level", "", ShownType::Gauge, vec![sample("", &[], -2e6)]),
            family(
                "wait",
                "Waits",
                ShownType::Summary,
                vec![
                    sample("", &[("quantile", "0.5")], 0.25),
                    sample("_sum", &[], 0.5),
                    sample("_count", &[], 2.0),
                ],
            ),
        ];
        let expected = r#"# HELP jobs_total Jobs \\ "done"\nso far
# TYPE jobs_total counter
jobs_total{kind="a\"b",zone=""} 2e+06
# HELP level 
# TYPE level gauge
level -2000000.0
# HELP wait Waits
# TYPE wait summary
wait{quantile="0.5"} 0.25
wait_sum 0.5
wait_count 2.0
"#;
        assert_eq!(text(&Exposition { families }), expected);
    }
}
