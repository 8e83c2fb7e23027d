use crate::{
    catalog::{self, Kind, Unit},
    expose,
    snapshot::{Family, Observation, Series, Snapshot, Timing, Value, Window},
    surface::{Exposition, Surface, View},
};

fn family(name: &str, kind: Kind, labels: &[&str], series: &[(&[&str], Value)]) -> Family {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    Family {
        name: name.to_owned(),
        help: format!("Help of {name}"),
        kind,
        unit: Unit::None,
        label_names: owned(labels),
        series: series
            .iter()
            .map(|(values, value)| Series { labels: owned(values).into(), value: value.clone() })
            .collect(),
    }
}

fn counter(name: &str, value: f64) -> Family {
    family(name, Kind::Counter, &[], &[(&[], Value::Counter(value))])
}

fn gauge(name: &str, value: f64) -> Family {
    family(name, Kind::Gauge, &[], &[(&[], Value::Gauge(value))])
}

fn timing(value: f64) -> Value {
    let observation = Observation { epoch: 1, origin: 0, stamp: 1, value };
    Value::Timer(Timing {
        count: 1,
        sum: value,
        window: Window::newest(vec![observation], 1_000),
        ..Timing::default()
    })
}

/// Returns the text in which a surface shows the families.
fn shown(families: Vec<Family>, surface: Surface) -> String {
    text(families, View::new(&[surface]).unwrap())
}

/// Returns the text for clients that accept names of any characters.
fn shown_in_utf8(families: Vec<Family>) -> String {
    let mut view = View::default();
    view.utf8_names = true;
    text(families, view)
}

fn text(mut families: Vec<Family>, mut view: View) -> String {
    view.own_state = false;
    families.sort_by(|a, b| a.name.cmp(&b.name));
    expose::text(&Exposition::new(&Snapshot { families, ..Snapshot::default() }, &view))
}

#[test]
fn user_families_are_shown_unchanged_on_every_surface() {
    let expected = r#"# HELP jobs_total Help of jobs
# TYPE jobs_total counter
jobs_total 3.0
# HELP level Help of level
# TYPE level gauge
level 4.0
# HELP wait Help of wait
# TYPE wait summary
wait{a="2",quantile="0.5",z="1"} 0.5
wait{a="2",quantile="0.75",z="1"} 0.5
wait{a="2",quantile="0.9",z="1"} 0.5
wait{a="2",quantile="0.95",z="1"} 0.5
wait{a="2",quantile="0.99",z="1"} 0.5
wait_sum{a="2",z="1"} 0.5
wait_count{a="2",z="1"} 1.0
"#;
    for &surface in Surface::ALL {
        let wait = family("wait", Kind::Timer, &["z", "a"], &[(&["1", "2"], timing(0.5))]);
        assert_eq!(shown(vec![counter("jobs", 3.0), gauge("level", 4.0), wait], surface), expected);
    }
}

#[test]
fn a_counters_total_is_not_doubled() {
    let text = shown(vec![counter("jobs_total", 3.0)], Surface::Legacy);
    assert!(text.ends_with("\njobs_total 3.0\n"), "{text}");
}

#[test]
fn catalog_families_take_precedence_over_user_families() {
    let polls = || {
        let labels: &[&str] = &["resize"];
        family(catalog::TASK_POLL.name, Kind::Counter, &["taskType"], &[(labels, Value::Counter(7.0))])
    };
    for users in [counter("task_poll", 1.0), counter("task_poll_total", 1.0), gauge("task_poll_total", 1.0)] {
        let text = shown(vec![polls(), users], Surface::Legacy);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.ends_with("task_poll_total{taskType=\"resize\"} 7.0\n"), "{text}");
    }
    // A recorded Conductor name without a row is not shown.
    assert_eq!(shown(vec![counter("conductor/unknown", 1.0)], Surface::Legacy), "");
}

#[test]
fn first_of_two_families_with_one_name_is_shown() {
    let wait = family("wait", Kind::Timer, &[], &[(&[], timing(0.5))]);
    let text = shown(vec![wait, gauge("wait_count", 9.0)], Surface::Documented);
    assert!(text.ends_with("wait_count 1.0\n"), "{text}");
}

#[test]
fn unrepresentable_names_are_skipped() {
    assert_eq!(shown(vec![gauge("", 1.0)], Surface::Legacy), "");
    assert_eq!(shown(vec![counter("_total", 1.0)], Surface::Legacy), "");
    let one = |kind: Kind, labels: &[&str], value: Value| {
        let values = vec!["v"; labels.len()];
        shown(vec![family("x", kind, labels, &[(&values, value)])], Surface::Legacy)
    };
    for labels in [&["__name__"][..], &["__x"], &["a", "a"], &[""], &[".-x"], &["a.b", "a_b"]] {
        assert_eq!(one(Kind::Gauge, labels, Value::Gauge(1.0)), "", "{labels:?}");
    }
    assert_eq!(one(Kind::Timer, &["quantile"], timing(1.0)), "");
    assert!(one(Kind::Gauge, &["quantile"], Value::Gauge(1.0)).ends_with("x{quantile=\"v\"} 1.0\n"));
}

/// Names of any characters cannot forge a line: they are escaped, or quoted for clients that accept
/// them.
#[test]
fn utf8_names_are_escaped_or_quoted() {
    for (name, escaped, quoted) in [
        ("9lives", "_lives", "9lives"),
        ("a b", "a_b", "a b"),
        ("a\nb 1", "a_b_1", "a\\nb 1"),
        ("a{b=\"c\"}", "a_b__c__", "a{b=\\\"c\\\"}"),
        ("naïve", "na_ve", "naïve"),
        ("http.server.duration", "http_server_duration", "http.server.duration"),
    ] {
        let families = || vec![family(name, Kind::Gauge, &["zone"], &[(&["v"], Value::Gauge(1.0))])];
        let expected = format!(
            "# HELP {escaped} Help of {}\n# TYPE {escaped} gauge\n{escaped}{{zone=\"v\"}} 1.0\n",
            name.replace('\n', "\\n")
        );
        assert_eq!(shown(families(), Surface::Legacy), expected);
        let text = shown_in_utf8(families());
        assert!(text.ends_with(&format!("\n{{\"{quoted}\",zone=\"v\"}} 1.0\n")), "{text}");

        let labelled = || vec![family("x", Kind::Gauge, &[name], &[(&["v"], Value::Gauge(1.0))])];
        assert!(shown(labelled(), Surface::Legacy).ends_with(&format!("\nx{{{escaped}=\"v\"}} 1.0\n")));
        let text = shown_in_utf8(labelled());
        assert!(text.ends_with(&format!("\nx{{\"{quoted}\"=\"v\"}} 1.0\n")), "{text}");
    }
    // Equal only after escaping.
    let two = || vec![gauge("a.b", 1.0), gauge("a_b", 2.0)];
    assert!(shown(two(), Surface::Legacy).ends_with("\na_b 1.0\n"));
    assert_eq!(shown_in_utf8(two()).lines().count(), 6);
    let labels = || vec![family("x", Kind::Gauge, &["a.b", "a_b"], &[(&["1", "2"], Value::Gauge(1.0))])];
    assert_eq!(shown(labels(), Surface::Legacy), "");
    assert!(shown_in_utf8(labels()).ends_with("\nx{\"a.b\"=\"1\",a_b=\"2\"} 1.0\n"));
}

#[test]
fn families_without_a_sample_are_skipped() {
    for kind in [Kind::Counter, Kind::Gauge, Kind::Timer] {
        assert_eq!(shown(vec![family("x", kind, &[], &[])], Surface::Legacy), "");
    }
    // A series with too few label values cannot be shown.
    let torn = family("x", Kind::Gauge, &["a", "b"], &[(&["1"], Value::Gauge(1.0))]);
    assert_eq!(shown(vec![torn], Surface::Legacy), "");
}
