//! The Prometheus text format, version 0.0.4.

use super::writer::Writer;
use crate::{
    literals::escape,
    surface::{Exposition, ShownType},
};

/// The `Content-Type` of [`text`].
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the exposition as Prometheus text 0.0.4, formatted as `prometheus_client` does.
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

/// Appends what [`text`] returns to a buffer, which repeated calls can reuse.
///
/// ```
/// use ictus::{expose::{text, text_into}, surface::Exposition};
///
/// let exposition = Exposition::default();
/// let mut buffer = String::new();
/// text_into(&mut buffer, &exposition);
/// assert_eq!(buffer, text(&exposition));
/// ```
pub fn text_into(out: &mut String, exposition: &Exposition) {
    let mut writer = Writer::new(out, exposition);
    for family in exposition.families() {
        // In this format, a counter's `_total` belongs to the name of the family.
        let suffix = if family.shown_type == ShownType::Counter { "_total" } else { "" };
        writer.help(family, suffix, escape::help);
        writer.type_line(family, suffix);
        writer.samples(family);
    }
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::{
        catalog::{Kind, Unit},
        snapshot::{Family, Observation, Series, Snapshot, Timing, Value, Window},
        surface::{Exposition, View},
    };

    fn family(name: &str, help: &str, labels: &[(&str, &str)], value: Value) -> Family {
        let kind = match value {
            Value::Counter(_) => Kind::Counter,
            Value::Gauge(_) => Kind::Gauge,
            Value::Timer(_) => Kind::Timer,
        };
        let values: Vec<_> = labels.iter().map(|&(_, value)| value.to_owned()).collect();
        Family {
            name: name.to_owned(),
            help: help.to_owned(),
            kind,
            unit: Unit::None,
            label_names: labels.iter().map(|&(name, _)| name.to_owned()).collect(),
            series: vec![Series { labels: values.into(), value }],
        }
    }

    fn shown(families: Vec<Family>) -> String {
        let mut view = View::default();
        view.own_state = false;
        text(&Exposition::new(&Snapshot { families, ..Snapshot::default() }, &view))
    }

    #[test]
    fn empty_exposition_is_an_empty_text() {
        assert_eq!(text(&Exposition::default()), "");
        assert_eq!(shown(Vec::new()), "");
    }

    #[test]
    fn families_are_formatted_as_by_prometheus_client() {
        let observation = Observation { epoch: 1, origin: 0, stamp: 1, value: 0.25 };
        let window = Window::newest(vec![observation], 1_000);
        let timing = Timing { count: 2, sum: 0.5, window, ..Timing::default() };
        let families = vec![
            family(
                "jobs",
                "Jobs \\ \"done\"\nso far",
                &[("kind", "a\"b"), ("zone", "")],
                Value::Counter(2e6),
            ),
            family("level", "", &[], Value::Gauge(-2e6)),
            family("wait", "Waits", &[], Value::Timer(timing)),
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
wait{quantile="0.75"} 0.25
wait{quantile="0.9"} 0.25
wait{quantile="0.95"} 0.25
wait{quantile="0.99"} 0.25
wait_sum 0.5
wait_count 2.0
"#;
        assert_eq!(shown(families), expected);
    }
}
