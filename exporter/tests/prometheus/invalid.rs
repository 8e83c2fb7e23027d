//! One series that no format can carry affects no other series: promtool reads the whole
//! exposition, and a real Prometheus stores all of it.

use std::{path::Path, sync::Arc};

use ictus::{
    Registry, catalog,
    surface::{ShownFamily, ShownType, View},
};
use ictus_exporter::{Extra, Source, http::Server};

use super::{
    fleet::{prometheus, value},
    hostile_segment::{Family, Kind, Lane, Segment},
    http, lint,
    programs::{installed, until},
    text::Text,
};

/// Writes a segment whose names, labels and types a registry refuses or would not combine.
fn write_segment(directory: &Path) {
    let mut segment = Segment::new();
    let mut lanes = Vec::new();
    let mut add = |kind: Kind, name: &str, labels: &[&str], series: &[&[&str]]| {
        let family = segment.family(&Family { name, kind, labels, ..Family::default() });
        for values in series {
            let series = segment.series(family, values);
            lanes.push(Lane { head: 1_f64.to_bits(), series, ..Lane::default() });
        }
    };
    // Reserved names: the first one would become the metric `up`.
    add(Kind::Counter, "reserved", &["__name__", "q"], &[&["up", "a"]]);
    add(Kind::Counter, "reserved_too", &["__x"], &[&["a"]]);
    add(Kind::Counter, "no_label_name", &[""], &[&["a"]]);
    // Duplicate labels, also after escaping.
    add(Kind::Counter, "label_twice", &["a", "a"], &[&["1", "2"]]);
    add(Kind::Counter, "label_escaped_twice", &["a.b", "a_b"], &[&["1", "2"]]);
    // Duplicate series: of one family, and of families that differ in labels without a value.
    add(Kind::Counter, "series_twice", &["l"], &[&["a"], &["a"]]);
    add(Kind::Counter, "series_twice_without_value", &["l"], &[&[""], &["b"]]);
    add(Kind::Counter, "series_twice_without_value", &["m"], &[&[""]]);
    // Names in use: by another metric's samples, by another kind, by Ictus, by the SDK's metrics.
    add(Kind::Timer, "work", &[], &[]);
    add(Kind::Counter, "work_count", &["l"], &[&["a"]]);
    add(Kind::Counter, "work_sum", &["l"], &[&["a"]]);
    add(Kind::Timer, "two_kinds", &["l"], &[]);
    add(Kind::Counter, "two_kinds", &["l"], &[&["a"]]);
    add(Kind::Counter, "ictus_segments", &["state"], &[&["live"]]);
    add(Kind::Counter, "task_poll", &["taskType"], &[&["resize"]]);
    add(Kind::Counter, "task_poll_time_seconds", &["taskType"], &[&["resize"]]);
    // After escaping, these names are equal.
    add(Kind::Counter, "escaped.twice", &["l"], &[&["a"]]);
    add(Kind::Counter, "escaped-twice", &["l"], &[&["a"]]);
    // A timer's own label, and names that would forge lines.
    add(Kind::Timer, "own_label", &["quantile"], &[]);
    add(Kind::Counter, "forged 1\nup 0\n", &["l\"} 1\nup 0\n"], &[&["a\"} 1\nup 0\n"]]);
    add(Kind::Counter, "good", &["l"], &[&["a"]]);
    segment.lanes(&lanes);
    segment.write(directory, 0);
}

/// Returns the families of another library: one with each kind of mistake, and a correct one.
fn external_families() -> Extra {
    let sample = |name: &str, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        (name.to_owned(), labels.collect(), 1.0)
    };
    let family = |name: &str, shown_type, samples: Vec<ictus::surface::ExternalSample>| {
        ShownFamily::external(name, "Theirs.", shown_type, samples).unwrap()
    };
    let gauge =
        |name: &str, labels: &[(&str, &str)]| family(name, ShownType::Gauge, vec![sample(name, labels)]);
    let twice = vec![sample("their_series", &[("l", "a")]); 2];
    let all: Arc<[ShownFamily]> = Arc::new([
        gauge("their_reserved", &[("__name__", "up")]),
        gauge("their_label", &[("l", "a"), ("l", "b")]),
        gauge("their_escaped", &[("a.b", "a"), ("a_b", "b")]),
        family("their_series", ShownType::Gauge, twice),
        // Names in use: by a family of a segment, with another type, and by Ictus itself.
        gauge("good", &[("l", "b")]),
        gauge("work_sum", &[("l", "b")]),
        gauge("ictus_segments", &[("state", "live")]),
        // Names of `ictus.process.watch` and of the other library.
        family("process_cpu_seconds", ShownType::Counter, vec![sample("process_cpu_seconds_total", &[])]),
        gauge("process_open_fds", &[]),
        gauge("process_open_fds", &[("pid", "1")]),
        gauge("their.dotted", &[("l", "a")]),
        gauge("their_good", &[("l", "a")]),
    ]);
    Arc::new(move || all.clone())
}

#[test]
fn prometheus_stores_an_exposition_with_one_invalid_series() {
    if !installed(&["prometheus", "promtool", "setpriv"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let metrics = home.path().join("metrics");
    // Families of a living process: the SDK's names, and those of `ictus.process.watch`.
    let registry = Registry::open(&metrics).unwrap();
    registry.catalog_counter(&catalog::TASK_POLL).unwrap().labels(&["resize"]).unwrap().inc();
    let polls = registry.catalog_timer(&catalog::TASK_POLL_TIME).unwrap();
    polls.labels(&["resize", "SUCCESS"]).unwrap().observe(0.5);
    registry.counter("process_cpu_seconds", "", &[]).unwrap();
    registry.gauge("process_open_fds", "", &["pid"]).unwrap().labels(&["1"]).unwrap().set(3.0);
    write_segment(&metrics);

    let source = Source::new(&metrics).with_extra(external_families());
    let serve = |surface: &str| {
        let view: View = surface.parse().unwrap();
        Server::start(source.clone().with_view(view), "127.0.0.1:0".parse().unwrap()).unwrap()
    };
    let servers = ["legacy,documented", "canonical"].map(serve);
    let addresses = servers.each_ref().map(|server| server.address().to_string().parse().unwrap());
    let mut expected = Vec::new();
    for address in addresses {
        let text = http::get(address, "/metrics").unwrap();
        let (code, said) = lint::promtool(&["check", "metrics"], &text);
        // Status 3 is a remark on names; status 1 is text that cannot be parsed.
        assert!(matches!(code, Some(0 | 3)), "{code:?} {said}\n{text}");
        // Panics on a duplicate family or series.
        let parsed = Text::parse(&text);
        for good in ["good_total", "their_good", "their_dotted", "process_open_fds", "series_twice_total"] {
            assert!(parsed.samples.keys().any(|series| series.name == good), "{good}: {text}");
        }
        assert!(!parsed.samples.keys().any(|series| series.name == "up"), "{text}");
        let left_out = text.lines().find_map(|line| line.strip_prefix("ictus_series_left_out "));
        let left_out: f64 = left_out.unwrap().parse().unwrap();
        assert!(left_out >= 15.0, "{left_out}: {text}");
        // Only the value of the number of snapshots changes.
        expected.push(parsed.samples.len());
    }

    for native in [false, true] {
        let [sdk, canonical] = addresses;
        let configuration = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n\
             - {{job_name: sdk, static_configs: [{{targets: [\"{sdk}\"]}}]}}\n\
             - {{job_name: canonical, static_configs: [{{targets: [\"{canonical}\"]}}]}}\n"
        );
        let (_running, server) = prometheus(home.path(), &format!("native-{native}"), &configuration, native);
        for (job, samples) in ["sdk", "canonical"].into_iter().zip(&expected) {
            until("it has been scraped", || value(server, &format!("up{{job=\"{job}\"}}")).is_some());
            let stored = format!(
                "count({{job=\"{job}\", __name__!~\"up|scrape_.*\"}}) - scalar(scrape_samples_scraped{{job=\"{job}\"}})"
            );
            until("it is up", || value(server, &format!("up{{job=\"{job}\"}}")) == Some(1.0));
            // No sample is dropped as a duplicate of another one.
            assert_eq!(value(server, &stored), Some(0.0), "{job}, native: {native}");
            let scraped = value(server, &format!("scrape_samples_scraped{{job=\"{job}\"}}")).unwrap();
            assert_eq!(scraped as usize, *samples, "{job}, native: {native}");
        }
    }
}
