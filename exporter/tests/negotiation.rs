//! The choices of a client: formats, gzip, families.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]
mod http_client;

use std::{
    io::Read,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use flate2::read::GzDecoder;
use http_client::{Response, ask_with, tcp};
use ictus::{
    Reader, catalog, expose,
    surface::{Exposition, ShownFamily, ShownType, Surface, View},
};
use ictus_exporter::{Extra, Source, http::Server};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const TEXT_UTF8: &str = "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
const TEXT_UNDERSCORES: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
const OPENMETRICS_UTF8: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";

const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// The `Accept` header of Prometheus, by version and options.
const PROMETHEUS_2_5: &str =
    "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PROMETHEUS_2_4X: &str = "application/openmetrics-text;version=1.0.0,\
    application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PROMETHEUS_2_4X_NATIVE: &str = "application/vnd.google.protobuf;\
    proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,\
    application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
    text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const PROMETHEUS_3_TEXT: &str =
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const PROMETHEUS_3_NATIVE: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
    encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
    text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/// A directory with one family of each kind, large enough for gzip, and its endpoint.
struct Endpoint {
    directory: tempfile::TempDir,
    /// Kept, because gauges are shown as long as their registry lives.
    registry: ictus::Registry,
    source: Source,
    server: Server,
}

impl Endpoint {
    fn new() -> Endpoint {
        let directory = tempfile::tempdir().unwrap();
        let registry = ictus::Registry::open(directory.path()).unwrap();
        let timer = registry.timer("wait_seconds", "Waits.", &["queue"]).unwrap();
        ["mail", "print"].iter().for_each(|queue| timer.labels(&[queue]).unwrap().observe(0.25));
        registry.counter("jobs", "Jobs done.", &[]).unwrap().labels(&[]).unwrap().inc();
        registry.gauge("level", "Its level.", &[]).unwrap().labels(&[]).unwrap().set(3.0);
        let source = Source::new(directory.path());
        let server = serve(source.clone());
        Endpoint { directory, registry, source, server }
    }

    fn get(&self, target: &str, lines: &[&str]) -> Response {
        ask_with(tcp(&self.server), "GET", target, lines)
    }
}

fn serve(source: Source) -> Server {
    Server::start(source, "127.0.0.1:0".parse().unwrap()).unwrap()
}

/// Returns the families of another library: a counter and a gauge.
fn others() -> Extra {
    let family = |name, help, shown_type, sample: &str| {
        ShownFamily::external(name, help, shown_type, [(sample.to_owned(), Vec::new(), 1.0)]).unwrap()
    };
    let all: Arc<[_]> = Arc::new([
        family("up", "Whether.", ShownType::Gauge, "up"),
        family("hits", "Hits.", ShownType::Counter, "hits_total"),
    ]);
    Arc::new(move || all.clone())
}

fn unzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

/// Removes Ictus's own metrics, which count every scrape. The rest is the same each time.
fn without_own(text: &str) -> String {
    text.lines().filter(|line| !line.contains("ictus_")).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_client_chooses_the_format() {
    let endpoint = Endpoint::new();
    for (accept, expected) in [
        (
            "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPENMETRICS,
        ),
        (PROMETHEUS_2_5, TEXT),
        (PROMETHEUS_2_4X, OPENMETRICS),
        (PROMETHEUS_2_4X_NATIVE, PROTOBUF),
        (PROMETHEUS_3, OPENMETRICS_UTF8),
        (PROMETHEUS_3_TEXT, TEXT_UTF8),
        ("text/plain;version=0.0.4;escaping=underscores", TEXT_UNDERSCORES),
        // An unknown escaping scheme falls back to underscores, and the response names that scheme.
        ("text/plain;version=0.0.4;escaping=dots", TEXT_UNDERSCORES),
        ("text/plain;version=1.0.0;escaping=underscores,application/openmetrics-text;q=0.1", OPENMETRICS),
        (PROMETHEUS_3_NATIVE, PROTOBUF),
        // The headers of browsers and curl.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
        ("*/*", TEXT),
        // Media types alone, in any case, with blanks and quotes.
        ("application/openmetrics-text", OPENMETRICS),
        ("Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Charset=UTF-8", OPENMETRICS),
        ("application/openmetrics-text;note=\"a,b;q=0\"", OPENMETRICS),
        ("text/plain", TEXT),
        // Wildcards.
        ("application/*", OPENMETRICS),
        ("text/*", TEXT),
        ("*/*;q=0.5,application/openmetrics-text;q=0.4", TEXT),
        ("*/*,application/openmetrics-text", OPENMETRICS),
        ("text/plain;q=0,*/*", OPENMETRICS),
        ("application/openmetrics-text;q=0,application/*", PROTOBUF),
        // Of equal entries, the first one wins.
        ("text/plain;version=0.0.4,application/openmetrics-text", TEXT),
        ("text/plain,application/openmetrics-text;version=1.0.0", TEXT),
        ("application/openmetrics-text,text/plain;version=0.0.4", OPENMETRICS),
        // The more specific entry wins, in any position.
        (
            "application/openmetrics-text;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.5",
            TEXT,
        ),
        ("application/openmetrics-text;version=1.0.0;q=0.001,text/plain;q=0.0", OPENMETRICS),
        ("application/vnd.google.protobuf", PROTOBUF),
        ("application/vnd.google.protobuf;encoding=delimited,application/openmetrics-text", PROTOBUF),
        // No available format: never refused.
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", TEXT),
        ("application/vnd.google.protobuf;proto=other;encoding=delimited", TEXT),
        ("application/json", TEXT),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ("text/plain;version=1.0.0", TEXT),
        ("*/*;q=0", TEXT),
        // Values that are not a list.
        ("", TEXT),
        (",;,=;q", TEXT),
        ("application/openmetrics-text;q=2", TEXT),
        ("application/openmetrics-text;q=-1", TEXT),
        ("application/openmetrics-text;q=NaN", TEXT),
        ("application/openmetrics-text;q=high,text/plain;q=0.1", TEXT),
    ] {
        let answer = endpoint.get("/metrics", &[&format!("Accept: {accept}")]);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(expected)), "{accept:?}");
        assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding"), "{accept:?}");
        assert_eq!(
            answer.body.ends_with("\n# EOF\n"),
            expected.starts_with("application/openmetrics"),
            "{accept:?}"
        );
        assert_eq!(
            answer.body.matches("# EOF").count(),
            usize::from(expected.starts_with("application/openmetrics")),
            "{accept:?}"
        );
    }
    let several = ["Accept: text/plain;q=0.5", "Accept: application/openmetrics-text"];
    assert_eq!(endpoint.get("/metrics", &several).header("content-type"), Some(OPENMETRICS));
    assert_eq!(endpoint.get("/metrics", &[]).header("content-type"), Some(TEXT));
}

#[test]
fn formats_differ_in_the_names_of_counters() {
    let endpoint = Endpoint::new();
    let answer = endpoint.get("/metrics", &["Accept: application/openmetrics-text"]);
    assert!(answer.body.contains("# TYPE jobs counter\njobs_total 1.0\n"), "{}", answer.body);
    let answer = endpoint.get("/metrics", &[]);
    assert!(answer.body.contains("# TYPE jobs_total counter\njobs_total 1.0\n"), "{}", answer.body);
}

#[test]
fn text_of_a_write_function_is_text_in_every_format() {
    let server = serve(Source::from_fn(|_| "a 1.0\n".to_owned()).with_extra(others()));
    let answer = ask_with(tcp(&server), "GET", "/metrics", &["Accept: application/openmetrics-text"]);
    assert_eq!(answer.header("content-type"), Some(TEXT));
    assert!(answer.body.starts_with("a 1.0\n# HELP hits_total "), "{}", answer.body);
}

#[test]
fn external_families_are_in_every_format() {
    let endpoint = Endpoint::new();
    let others = others();
    let server = serve(endpoint.source.clone().with_extra(others.clone()));
    let both = Exposition::default().with_families(&others());
    let target = "/metrics?name[]=hits&name[]=up&native=1";
    for (accept, kind, bytes) in [
        ("text/plain", TEXT, expose::text(&both).into_bytes()),
        ("application/openmetrics-text", OPENMETRICS, expose::openmetrics(&both).into_bytes()),
        ("application/vnd.google.protobuf", PROTOBUF, expose::protobuf(&both, true)),
    ] {
        let answer = ask_with(tcp(&server), "GET", target, &[&format!("Accept: {accept}")]);
        assert_eq!(answer.header("content-type"), Some(kind));
        assert_eq!(answer.bytes, bytes, "{accept}");
    }
    let whole = ask_with(tcp(&server), "GET", "/metrics", &[]).body;
    let order: Vec<_> = ["hits_total 1.0", "jobs_total 1.0", "level 3.0", "up 1.0"]
        .map(|line| whole.find(&format!("\n{line}\n")).unwrap())
        .into();
    assert!(order.is_sorted(), "{whole}");
}

#[test]
fn protobuf_has_native_histograms_on_request() {
    let endpoint = Endpoint::new();
    let polls = endpoint.registry.catalog_timer(&catalog::TASK_POLL_TIME).unwrap();
    polls.labels(&["resize", "SUCCESS"]).unwrap().observe(0.25);
    let view = View::new(&[Surface::Canonical]).unwrap();
    let snapshot = Reader::new(endpoint.directory.path()).snapshot().unwrap();
    let shown = Exposition::new(&snapshot, &view).filter(|family| family.name == "task_poll_time_seconds");
    let target = "/metrics?surface=canonical&name[]=task_poll_time_seconds_bucket";
    assert_ne!(expose::protobuf(&shown, true), expose::protobuf(&shown, false));
    for (query, native) in [("", false), ("&native=0", false), ("&native=1", true)] {
        let target = format!("{target}{query}");
        let answer = endpoint.get(&target, &[&format!("Accept: {PROMETHEUS_3_NATIVE}")]);
        assert_eq!(answer.header("content-type"), Some(PROTOBUF));
        assert_eq!(answer.bytes, expose::protobuf(&shown, native), "{query}");
        assert_eq!(endpoint.get(&target, &[]).body, expose::text(&shown), "{query}");
    }
}

#[test]
fn the_client_chooses_gzip() {
    let endpoint = Endpoint::new();
    for (encoding, gzip) in [
        ("gzip", true),
        ("GZip", true),
        ("x-gzip", true),
        ("deflate, gzip;q=0.5, br", true),
        ("*", true),
        ("identity;q=0.5, gzip", true),
        ("identity;q=0, *;q=0.1", true),
        ("gzip, identity", true),
        ("gzip;q=0", false),
        ("gzip;q=0.000, *", false),
        ("*;q=0", false),
        ("gzip;q=0.5, identity", false),
        ("gzip;q=nonsense", false),
        ("deflate, br, zstd", false),
        ("identity;q=0", false),
        ("", false),
    ] {
        let answer = endpoint.get("/metrics", &[&format!("Accept-Encoding: {encoding}")]);
        let expected = gzip.then_some("gzip");
        assert_eq!((answer.status, answer.header("content-encoding")), (200, expected), "{encoding:?}");
        assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding"), "{encoding:?}");
        assert_eq!(answer.header("content-length"), Some(answer.bytes.len().to_string().as_str()));
        let text = if gzip { unzip(&answer.bytes) } else { answer.body };
        assert!(text.contains("\njobs_total 1.0\n"), "{encoding:?}: {text}");
    }
    assert_eq!(endpoint.get("/metrics", &[]).header("content-encoding"), None);
}

#[test]
fn gzip_changes_no_byte() {
    let endpoint = Endpoint::new();
    for accept in ["Accept: text/plain", "Accept: application/openmetrics-text"] {
        let plain = endpoint.get("/metrics", &[accept]);
        let gzipped = endpoint.get("/metrics", &[accept, "Accept-Encoding: gzip"]);
        assert_eq!(gzipped.header("content-type"), plain.header("content-type"));
        assert!(gzipped.bytes.len() * 2 < plain.bytes.len());
        assert_eq!(without_own(&unzip(&gzipped.bytes)), without_own(&plain.body));
    }
    let large: String = (0..200_000).map(|n| format!("sample_{n} {n}.0\n")).collect();
    let source = Source::from_fn({
        let large = large.clone();
        move |_| large.clone()
    });
    let answer = ask_with(tcp(&serve(source)), "GET", "/metrics", &["Accept-Encoding: gzip"]);
    assert!(unzip(&answer.bytes) == large);
}

#[test]
fn responses_under_1024_bytes_are_not_compressed() {
    for (length, gzip) in [(0, None), (1_023, None), (1_024, Some("gzip"))] {
        let server = serve(Source::from_fn(move |_| "#".repeat(length)));
        let answer = ask_with(tcp(&server), "GET", "/metrics", &["Accept-Encoding: gzip"]);
        assert_eq!(answer.header("content-encoding"), gzip, "{length}");
        assert_eq!(answer.bytes.len() == length, gzip.is_none(), "{length}");
    }
    let health = ask_with(tcp(&serve(Source::from_fn(|_| String::new()))), "GET", "/health", &[]);
    assert_eq!(health.header("vary"), None);
}

#[test]
fn head_has_the_headers_of_get() {
    let long = "# all the same\n".repeat(100);
    let server = serve(Source::from_fn(move |_| long.clone()));
    let endpoint = Endpoint::new();
    for (address, lines, target) in [
        (tcp(&server), &[][..], "/metrics"),
        (tcp(&server), &["Accept-Encoding: gzip"], "/metrics"),
        (tcp(&endpoint.server), &["Accept: application/openmetrics-text"], "/metrics?name[]=jobs"),
    ] {
        let get = ask_with(address, "GET", target, lines);
        let head = ask_with(address, "HEAD", target, lines);
        assert!(!get.bytes.is_empty() && head.bytes.is_empty(), "{lines:?}");
        let dateless = |answer: &Response| {
            let lines = answer.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(dateless(&head), dateless(&get), "{lines:?}");
        assert_eq!(head.header("content-length"), Some(get.bytes.len().to_string().as_str()));
    }
}

#[test]
fn names_choose_families() {
    let endpoint = Endpoint::new();
    let families = |target: &str, accept: &str| {
        let answer = endpoint.get(target, &[accept]);
        assert_eq!(answer.status, 200);
        let types = answer.body.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let names: Vec<_> = types.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
        (names, answer.body)
    };
    for (query, shown) in [
        ("name[]=jobs", &["jobs"][..]),
        ("name[]=jobs_total", &["jobs"]),
        ("name%5B%5D=level", &["level"]),
        ("name[]=wait_seconds", &["wait_seconds"]),
        ("name[]=wait_seconds_sum&x=1", &["wait_seconds"]),
        ("name[]=wait_seconds_count&name[]=level", &["level", "wait_seconds"]),
        ("name[]=level&name[]=level&name[]=none", &["level"]),
        ("name[]=jobs&surface=canonical", &["jobs"]),
        ("name[]=wait_seconds_bucket&name[]=wait&name[]=LEVEL&name[]=jobs_sum", &[]),
        ("name[]=none", &[]),
    ] {
        let (names, body) = families(&format!("/metrics?{query}"), "Accept: application/openmetrics-text");
        assert_eq!(names, shown, "{query}: {body}");
        assert!(body.ends_with("# EOF\n"), "{query}: {body}");
        let (names, body) = families(&format!("/metrics?{query}"), "Accept: text/plain");
        let in_text = shown.iter().map(|&name| if name == "jobs" { "jobs_total" } else { name });
        assert!(names.iter().eq(in_text), "{query}: {body}");
    }
    let whole = families("/metrics", "").1;
    for query in ["", "name[]=", "name=jobs", "names[]=jobs", "Name[]=jobs"] {
        let shown = families(&format!("/metrics?{query}"), "").1;
        assert_eq!(without_own(&shown), without_own(&whole), "{query}");
    }
}

#[test]
fn names_choose_external_families() {
    let endpoint = Endpoint::new();
    let server = serve(endpoint.source.clone().with_extra(others()));
    let get = |query: &str| ask_with(tcp(&server), "GET", &format!("/metrics?{query}"), &[]).body;
    let up = "# HELP up Whether.\n# TYPE up gauge\nup 1.0\n";
    assert_eq!(get("name[]=up"), up);
    assert_eq!(
        get("name[]=hits_total"),
        "# HELP hits_total Hits.\n# TYPE hits_total counter\nhits_total 1.0\n"
    );
    assert_eq!(
        get("name[]=up&name[]=level"),
        format!("# HELP level Its level.\n# TYPE level gauge\nlevel 3.0\n{up}")
    );
    assert_eq!(get("name[]=none"), "");
}

/// All concurrent requests get one snapshot, which is written and compressed once.
#[test]
fn concurrent_scrapes_share_their_text() {
    const SCRAPERS: usize = 20;
    let written = Arc::new(AtomicUsize::new(0));
    let source = Source::from_fn({
        let written = written.clone();
        move |_| {
            format!("{}written {}\n", "# all the same\n".repeat(100), written.fetch_add(1, Ordering::SeqCst))
        }
    });
    // A snapshot takes long: a concurrent request waits for the next one.
    let server = serve(source.with_extra(Arc::new(|| {
        thread::sleep(Duration::from_millis(200));
        Arc::default()
    })));
    let address = tcp(&server);
    let barrier = Arc::new(Barrier::new(SCRAPERS));
    let scrapers = (0..SCRAPERS).map(|index| {
        let barrier = barrier.clone();
        thread::spawn(move || {
            let encoding = ["Accept-Encoding: gzip", "Accept-Encoding: identity"][index % 2];
            barrier.wait();
            ask_with(address, "GET", "/metrics", &[encoding])
        })
    });
    for scraper in scrapers.collect::<Vec<_>>() {
        let answer = scraper.join().unwrap();
        let gzipped = answer.header("content-encoding").is_some();
        let text = if gzipped { unzip(&answer.bytes) } else { answer.body };
        assert!(text.contains("\nwritten "), "{text}");
    }
    // As in the test of shared snapshots: one or two more for late scrapes on a busy machine.
    let written = written.load(Ordering::SeqCst);
    assert!(written <= 4, "written {written} times for {SCRAPERS} scrapes");
}

/// Returns a family of another library with a dot in its name, and one with a dot in a label name.
fn dotted() -> Extra {
    let sample = |suffix: &str, bound: Option<&str>, value| {
        let mut labels =
            vec![("http.method".to_owned(), "GET".to_owned()), ("zone".to_owned(), "a".to_owned())];
        labels.extend(bound.map(|bound| ("le".to_owned(), bound.to_owned())));
        (format!("http.duration{suffix}"), labels, value)
    };
    let samples = [
        sample("_bucket", Some("1.0"), 1.0),
        sample("_bucket", Some("+Inf"), 2.0),
        sample("_count", None, 2.0),
        sample("_sum", None, 3.0),
    ];
    let histogram =
        ShownFamily::external("http.duration", "Says \"so\".", ShownType::Histogram, samples).unwrap();
    let sample = ("tempé \"in\"".to_owned(), Vec::new(), 20.0);
    let gauge = ShownFamily::external("tempé \"in\"", "", ShownType::Gauge, [sample]).unwrap();
    // The same name once it is escaped.
    let sample = ("http_level".to_owned(), Vec::new(), 1.0);
    let plain = ShownFamily::external("http_level", "", ShownType::Gauge, [sample]).unwrap();
    let sample = ("http.level".to_owned(), Vec::new(), 2.0);
    let level = ShownFamily::external("http.level", "", ShownType::Gauge, [sample]).unwrap();
    let all: Arc<[ShownFamily]> = Arc::from([histogram, gauge, plain, level]);
    Arc::new(move || all.clone())
}

#[test]
fn external_utf8_names_are_escaped_or_quoted_as_requested() {
    let server = serve(Endpoint::new().source.clone().with_extra(dotted()));
    let lines = |accept: &str| {
        let answer = ask_with(tcp(&server), "GET", "/metrics", &[&format!("Accept: {accept}")]);
        let is_theirs = |line: &&str| line.contains("http") || line.contains("temp");
        let body: Vec<String> = answer.body.lines().filter(is_theirs).map(str::to_owned).collect();
        (answer.header("content-type").unwrap().to_owned(), body.join("\n"))
    };
    let escaped = "\
# HELP http_duration Says \"so\".
# TYPE http_duration histogram
http_duration_bucket{http_method=\"GET\",le=\"1.0\",zone=\"a\"} 1.0
http_duration_bucket{http_method=\"GET\",le=\"+Inf\",zone=\"a\"} 2.0
http_duration_count{http_method=\"GET\",zone=\"a\"} 2.0
http_duration_sum{http_method=\"GET\",zone=\"a\"} 3.0
# HELP http_level 
# TYPE http_level gauge
http_level 1.0
# HELP temp___in_ 
# TYPE temp___in_ gauge
temp___in_ 20.0";
    for (accept, kind) in [
        ("*/*", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        ("text/plain;version=0.0.4;escaping=underscores", TEXT_UNDERSCORES),
        ("text/plain;version=0.0.4;escaping=values", TEXT_UNDERSCORES),
    ] {
        assert_eq!(lines(accept), (kind.to_owned(), escaped.to_owned()), "{accept}");
    }
    let (kind, quoted) = lines(PROMETHEUS_3_TEXT);
    assert_eq!(kind, TEXT_UTF8);
    let expected = "\
# HELP \"http.duration\" Says \"so\".
# TYPE \"http.duration\" histogram
{\"http.duration_bucket\",\"http.method\"=\"GET\",le=\"1.0\",zone=\"a\"} 1.0
{\"http.duration_bucket\",\"http.method\"=\"GET\",le=\"+Inf\",zone=\"a\"} 2.0
{\"http.duration_count\",\"http.method\"=\"GET\",zone=\"a\"} 2.0
{\"http.duration_sum\",\"http.method\"=\"GET\",zone=\"a\"} 3.0
# HELP \"http.level\" 
# TYPE \"http.level\" gauge
{\"http.level\"} 2.0
# HELP http_level 
# TYPE http_level gauge
http_level 1.0
# HELP \"tempé \\\"in\\\"\" 
# TYPE \"tempé \\\"in\\\"\" gauge
{\"tempé \\\"in\\\"\"} 20.0";
    assert_eq!(quoted, expected);
    let (kind, quoted) = lines(PROMETHEUS_3);
    assert_eq!(kind, OPENMETRICS_UTF8);
    assert!(quoted.contains("# TYPE \"http.duration\" histogram\n{\"http.duration_bucket\","), "{quoted}");
}

/// A registry's own names are shown by the same rules as those of other libraries.
#[test]
fn recorded_utf8_names_are_escaped_or_quoted_as_requested() {
    let directory = tempfile::tempdir().unwrap();
    let options = ictus::RegistryOptions::default().utf8_names(true);
    let registry = ictus::Registry::open_with(directory.path(), options).unwrap();
    let wait = registry.timer("http.wait", "Says \"so\".", &["http.method"]).unwrap();
    wait.labels(&["GET"]).unwrap().observe(0.5);
    registry.counter("temp\u{e9} \"in\"", "", &[]).unwrap().labels(&[]).unwrap().inc();
    let server = serve(Source::new(directory.path()));
    let ask = |target: &str, accept: &str| {
        let answer = ask_with(tcp(&server), "GET", target, &[&format!("Accept: {accept}")]);
        (answer.header("content-type").unwrap().to_owned(), without_own(&answer.body))
    };
    let summary = |prefix: &str| {
        ["0.5", "0.75", "0.9", "0.95", "0.99"]
            .map(|q| format!("{prefix}=\"GET\",quantile=\"{q}\"}} 0.5\n"))
            .concat()
    };
    let escaped = format!(
        "# HELP http_wait Says \"so\".\n# TYPE http_wait summary\n{}\
         http_wait_sum{{http_method=\"GET\"}} 0.5\nhttp_wait_count{{http_method=\"GET\"}} 1.0\n\
         # HELP temp___in__total \n# TYPE temp___in__total counter\ntemp___in__total 1.0\n",
        summary("http_wait{http_method")
    );
    assert_eq!(ask("/metrics", "*/*"), (TEXT.to_owned(), escaped));
    let quoted = format!(
        "# HELP \"http.wait\" Says \"so\".\n# TYPE \"http.wait\" summary\n{}\
         {{\"http.wait_sum\",\"http.method\"=\"GET\"}} 0.5\n\
         {{\"http.wait_count\",\"http.method\"=\"GET\"}} 1.0\n\
         # HELP \"temp\u{e9} \\\"in\\\"_total\" \n# TYPE \"temp\u{e9} \\\"in\\\"_total\" counter\n\
         {{\"temp\u{e9} \\\"in\\\"_total\"}} 1.0\n",
        summary("{\"http.wait\",\"http.method\"")
    );
    assert_eq!(ask("/metrics", PROMETHEUS_3_TEXT), (TEXT_UTF8.to_owned(), quoted));
    let (_, one) = ask("/metrics?name[]=http.wait_count", PROMETHEUS_3_TEXT);
    assert_eq!(one.lines().count(), 9, "{one}");
    let (_, one) = ask("/metrics?name[]=http_wait_count", "*/*");
    assert_eq!(one.lines().count(), 9, "{one}");
}
