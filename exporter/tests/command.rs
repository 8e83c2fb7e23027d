//! The command as a shell runs it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

mod http_client;
mod terminal;

use std::{
    fs::{self, Permissions},
    io::Read,
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use ictus::{
    Reader, Registry, catalog, expose,
    surface::{Exposition, View},
};
use rustix::{
    fs::Mode,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use terminal::{ictus, outcome, serve};

#[test]
fn serve_runs_until_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let directory = tempfile::tempdir().unwrap();
        let (running, address) = serve(directory.path(), &[]);
        assert_eq!(http_client::get(address, "/health").body, "OK");
        assert_eq!(http_client::get(address, "/metrics").status, 200);
        assert_eq!(running.end(signal), (Some(0), String::new()), "{signal}");
        TcpListener::bind(address).unwrap();
    }
}

/// The limit is 512 clients. Clients that send nothing are disconnected within seconds.
#[test]
fn idle_clients_cannot_keep_a_scraper_out() {
    let directory = tempfile::tempdir().unwrap();
    let (running, address) = serve(directory.path(), &[]);
    let mut idle: Vec<_> = (0..512).map(|_| http_client::connect(address)).collect();
    for _ in 0..3 {
        let start = Instant::now();
        assert_eq!(http_client::get(address, "/metrics").status, 200);
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
    // The oldest connection is closed, because one address may have only half of the connections.
    assert_eq!(idle[0].read(&mut [0]).unwrap_or_default(), 0);
    let (code, said) = running.end("-TERM");
    assert_eq!((code, said.matches("too many clients").count()), (Some(0), 1), "{said}");
}

#[test]
fn serve_on_a_port_in_use_fails_with_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let output = ictus().arg("serve").arg(directory.path()).args(["--listen", &address]).output().unwrap();
    let (code, _, errors) = outcome(&output);
    assert_eq!(code, Some(1));
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains(&address) && errors.contains("choose another port"), "{errors}");
}

#[test]
fn write_runs_until_a_signal() {
    let directory = tempfile::tempdir().unwrap();
    let running = terminal::start("write", directory.path(), &[]);
    assert!(running.said.ends_with("conductor_metrics.prom every 10 s\n"), "{}", running.said);
    let path = directory.path().join("conductor_metrics.prom");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(Instant::now() < deadline, "no file");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(running.end("-TERM"), (Some(0), String::new()));
    assert!(fs::metadata(path).unwrap().is_file());
}

#[test]
fn write_logs_an_error_once_and_continues() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("missing").join("metrics.prom").display().to_string();
    let mut running =
        terminal::start("write", directory.path(), &["--output", &output, "--interval", "0.01"]);
    let line = running.line();
    assert!(line.contains("cannot write"), "{line}");
    // Further attempts log nothing.
    thread::sleep(Duration::from_millis(300));
    assert_eq!(running.end("-INT"), (Some(0), String::new()));
}

#[test]
fn dump_prints_text_openmetrics_or_a_table() {
    let directory = tempfile::tempdir().unwrap();
    let dump = |format: &str| {
        let output = ictus().arg("dump").arg(directory.path()).args(["--format", format]).output().unwrap();
        let (code, printed, errors) = outcome(&output);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{format}");
        printed
    };
    assert!(dump("text").contains("\nictus_series 0.0\n"));
    assert_eq!(dump("table"), "nothing is recorded yet\n");
    let registry = ictus::Registry::open(directory.path()).unwrap();
    let timer = registry.timer("work_seconds", "Work.", &["queue"]).unwrap().labels(&["mail"]).unwrap();
    (1..=100).for_each(|milliseconds| timer.observe(f64::from(milliseconds) / 1000.0));
    // The owner is in this process; the command reads from another one.
    let text = dump("text");
    assert!(text.contains("work_seconds{quantile=\"0.5\",queue=\"mail\"} 0.0505\n"), "{text}");
    assert!(text.contains("work_seconds_count{queue=\"mail\"} 100.0\n"), "{text}");
    let openmetrics = dump("openmetrics");
    assert!(openmetrics.contains("work_seconds_count{queue=\"mail\"} 100.0\n"), "{openmetrics}");
    assert!(openmetrics.ends_with("\n# EOF\n"), "{openmetrics}");
    let table = dump("table");
    assert!(table.contains("queue=mail") && table.contains("50.5 ms") && table.contains("5.05 s"), "{table}");
}

/// The JSON has the fields that a jq filter reads, and is one line.
#[test]
fn dump_prints_json() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let timer = registry.timer("work_seconds", "Work.", &["queue"]).unwrap().labels(&["mail"]).unwrap();
    (1..=100).for_each(|milliseconds| timer.observe(f64::from(milliseconds) / 1000.0));
    timer.observe(f64::NAN);
    registry.gauge("level", "", &[]).unwrap().labels(&[]).unwrap().set(3.5);
    let polls = registry.catalog_timer(&catalog::TASK_POLL_TIME).unwrap();
    polls.labels(&["resize", "SUCCESS"]).unwrap().observe(0.25);
    let output = ictus().arg("dump").arg(directory.path()).args(["--format", "json"]).output().unwrap();
    let (code, printed, errors) = outcome(&output);
    assert_eq!((code, errors.as_str(), printed.matches('\n').count()), (Some(0), "", 1));
    let shown: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let family = |name: &str| {
        let families = shown["families"].as_array().unwrap();
        families
            .iter()
            .find(|family| family["name"] == name)
            .unwrap_or_else(|| panic!("no {name}: {printed}"))
    };
    let work = family("work_seconds");
    assert_eq!(
        (&work["type"], &work["unit"], &work["help"]),
        (&"timer".into(), &"seconds".into(), &"Work.".into())
    );
    let series = &work["series"][0];
    assert_eq!((&series["labels"]["queue"], &series["count"]), (&"mail".into(), &100.into()));
    assert_eq!((&series["window"], &series["quantiles"]["p50"]), (&100.into(), &0.0505.into()));
    assert_eq!(family("level")["series"][0]["value"], 3.5);
    assert_eq!(family("task_poll_time")["origin"], "conductor");
    assert_eq!(shown["health"]["counts"]["nan"], 1);
    assert_eq!(shown["health"]["live_segments"], 1);
}

#[test]
fn dump_prints_native_histograms_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let polls = registry.catalog_timer(&catalog::TASK_POLL_TIME).unwrap();
    polls.labels(&["resize", "SUCCESS"]).unwrap().observe(0.25);
    let view: View = "canonical".parse().unwrap();
    let exposition = Exposition::new(&Reader::new(directory.path()).snapshot().unwrap(), &view);
    let arguments = ["--surface", "canonical", "--format", "protobuf"];
    assert_ne!(expose::protobuf(&exposition, true), expose::protobuf(&exposition, false));
    for (option, native) in [(None, false), (Some("--native"), true)] {
        let output = ictus().arg("dump").arg(directory.path()).args(arguments).args(option).output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
        assert!(output.stdout == expose::protobuf(&exposition, native), "{option:?}");
    }
}

#[test]
fn serve_adds_native_histograms_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let polls = registry.catalog_timer(&catalog::TASK_POLL_TIME).unwrap();
    polls.labels(&["resize", "SUCCESS"]).unwrap().observe(0.25);
    let (_running, address) = serve(directory.path(), &["--surface", "canonical", "--native"]);
    let view: View = "canonical".parse().unwrap();
    let snapshot = Reader::new(directory.path()).snapshot().unwrap();
    let shown = Exposition::new(&snapshot, &view).filter(|family| family.name == "task_poll_time_seconds");
    let accept = ["Accept: application/vnd.google.protobuf"];
    for (query, native) in [("", true), ("&native=0", false)] {
        let target = format!("/metrics?name[]=task_poll_time_seconds{query}");
        assert_eq!(
            http_client::ask_with(address, "GET", &target, &accept).bytes,
            expose::protobuf(&shown, native)
        );
        assert_eq!(http_client::get(address, &target).body, expose::text(&shown));
    }
}

#[test]
fn protobuf_is_refused_on_a_terminal() {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
    let screen = || rustix::fs::open(&name, flags, Mode::empty()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for (format, code) in [("protobuf", 2), ("text", 0)] {
        let mut command = ictus();
        let command = command.arg("dump").arg(directory.path()).args(["--format", format]);
        let child = command.stdout(screen()).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        let (exited, _, errors) = outcome(&output);
        assert_eq!(exited, Some(code), "{format}: {errors}");
        assert_eq!(errors.contains("not for a terminal"), code == 2, "{format}: {errors}");
    }
}

/// Label values come from anywhere. A terminal gets them with control characters escaped, and a
/// pipe gets them unchanged.
#[test]
fn dump_escapes_for_a_terminal_and_is_exact_in_a_pipe() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let value = "a\u{1b}]0;title\u{7}\u{202e}b";
    registry.counter("jobs", "", &["queue"]).unwrap().labels(&[value]).unwrap().inc();
    let dump = |format: &str| {
        let mut command = ictus();
        command.arg("dump").arg(directory.path()).args(["--format", format]);
        command
    };
    assert!(
        outcome(&dump("text").output().unwrap())
            .1
            .contains(&format!("jobs_total{{queue=\"{value}\"}} 1.0\n"))
    );
    for format in ["text", "openmetrics", "json", "table"] {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let screen = rustix::fs::open(&name, flags, Mode::empty()).unwrap();
        let mut child = dump(format).stdout(screen).stderr(Stdio::piped()).spawn().unwrap();
        let mut terminal = fs::File::from(terminal);
        let mut shown = Vec::new();
        // On Linux, reading from a terminal without a writer is an error.
        let _ = terminal.read_to_end(&mut shown);
        assert!(child.wait().unwrap().success());
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains("title") && shown.contains("\\u"), "{format}: {shown:?}");
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{format}: {shown:?}");
    }
}

/// Metrics that programs define with `prometheus_client` need Python to be merged.
#[test]
fn unmerged_files_of_prometheus_client_are_logged_once() {
    let directory = tempfile::tempdir().unwrap();
    let leave = |name: &str, family: &str| {
        let key = format!(r#"["{family}", "{family}_total", {{}}, "Its help."]"#);
        let padding = 8 - (key.len() + 4) % 8;
        let used = 8 + 4 + key.len() + padding + 16;
        let mut bytes = [(used as u64).to_ne_bytes().as_slice(), &(key.len() as u32).to_ne_bytes()].concat();
        bytes.extend(key.as_bytes());
        bytes.resize(1 << 16, 0);
        fs::write(directory.path().join(name), bytes).unwrap();
    };
    // Files of the SDK's own collector cause no warning.
    leave("counter_122.db", "task_poll");
    let (running, _) = serve(directory.path(), &[]);
    assert!(running.said.lines().count() == 1, "{}", running.said);
    assert_eq!(running.end("-TERM"), (Some(0), String::new()));

    leave("counter_123.db", "orders");
    let told = |text: &str| text.matches("prometheus_client (orders)").count();
    let (running, address) = serve(directory.path(), &[]);
    assert_eq!(told(&running.said), 1, "{}", running.said);
    for _ in 0..3 {
        let answer =
            http_client::ask_with(address, "GET", "/metrics", &["Accept: application/openmetrics-text"]);
        assert!(answer.body.ends_with("# EOF\n"), "{}", answer.body);
    }
    assert_eq!(running.end("-TERM"), (Some(0), String::new()));
    let (code, _, errors) = outcome(&ictus().arg("dump").arg(directory.path()).output().unwrap());
    assert_eq!((code, told(&errors), errors.lines().count()), (Some(0), 1, 1), "{errors}");
}

#[test]
fn serve_listens_on_the_given_addresses() {
    let directory = tempfile::tempdir().unwrap();
    let ipv6 = TcpListener::bind("[::1]:0").is_ok();
    for (listen, ip) in [("127.0.0.2:0", "127.0.0.2"), ("0.0.0.0:0", "0.0.0.0"), ("[::1]:0", "::1")] {
        if ip == "::1" && !ipv6 {
            continue;
        }
        let (_running, address) = serve(directory.path(), &["--listen", listen]);
        assert_eq!(address.ip().to_string(), ip);
        assert_eq!(http_client::get(address, "/health").body, "OK");
    }
}

#[test]
fn dump_without_a_directory_names_the_argument() {
    let directory = tempfile::tempdir().unwrap();
    let output = ictus().arg("dump").arg(directory.path().join("missing")).output().unwrap();
    let (code, printed, errors) = outcome(&output);
    assert_eq!((code, printed.as_str()), (Some(1), ""));
    assert!(errors.contains("missing") && errors.contains("metrics directory"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn closed_pipe_is_not_an_error() {
    let mut child = ictus().arg("--help").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(outcome(&output), (Some(0), String::new(), String::new()));
}

#[test]
fn usage_errors_exit_with_two() {
    for (arguments, named) in [
        (&["dump", ".", "--surface", "legacy,canonical"][..], "canonical"),
        (&["dump", ".", "--surface", "legcy"], "documented"),
        (&["dump", ".", "--format", "xml"], "table"),
        (&["serve", ".", "--surface", "documented,canonical"], "?surface=legacy,documented"),
        (&["write", ".", "--surface", "legacy,canonical"], "two scrape jobs"),
        (&["dump", ".", "--native"], "--format protobuf"),
        (&["dump", ".", "--native", "--format", "openmetrics"], "--format protobuf"),
        (&["dump", ".", "--native", "--format", "json"], "--format protobuf"),
        (&["write", ".", "--native"], "--native"),
        (&["serve", ".", "--listen", "9464"], "127.0.0.1:9464"),
        (&["serve", ".", "--listen", "unix:"], "unix:/run/ictus.sock"),
        (&["write", ".", "--interval", "0"], "0.01"),
        (&["write", ".", "--interval", "NaN"], "0.01"),
        (&["serve"], "DIR"),
        (&["sreve", "."], "serve"),
        (&[], "dump"),
    ] {
        let (code, printed, errors) = outcome(&ictus().args(arguments).output().unwrap());
        assert_eq!((code, printed.as_str()), (Some(2), ""), "{arguments:?}: {errors}");
        assert!(errors.contains(named), "{arguments:?}: {errors}");
        // Without any argument, the command prints its help.
        assert!(arguments.is_empty() || errors.starts_with("ictus: "), "{arguments:?}: {errors}");
    }
}

#[test]
fn the_version_and_the_help_are_printed() {
    let (code, printed, _) = outcome(&ictus().arg("--version").output().unwrap());
    assert_eq!((code, printed), (Some(0), format!("ictus {}\n", env!("CARGO_PKG_VERSION"))));
    let (code, printed, _) = outcome(&ictus().args(["write", "--help"]).output().unwrap());
    assert_eq!(code, Some(0));
    assert!(printed.contains("conductor_metrics.prom") && printed.contains("ICTUS_SURFACES"), "{printed}");
}

#[test]
fn the_environment_chooses_the_surface() {
    let output = ictus().args(["dump", "."]).env("ICTUS_SURFACES", "legacy,canonical").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let argument = ["dump", ".", "--surface", "canonical"];
    let output = ictus().args(argument).env("ICTUS_SURFACES", "legacy,canonical").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "an argument wins over its variable");
}

#[test]
fn completions_and_manual_are_printed() {
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef ictus"), ("fish", "complete -c ictus")] {
        let (code, said, errors) = outcome(&ictus().args(["completions", shell]).output().unwrap());
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        assert!(said.contains(word) && said.contains("check"), "{shell}: {said}");
    }
    let (code, said, _) = outcome(&ictus().arg("man").output().unwrap());
    assert_eq!(code, Some(0));
    assert!(said.contains(".TH ictus 1") && said.contains("metrics directory"), "{said}");
    for section in ["EXIT STATUS", "ENVIRONMENT", "EXAMPLES", "ICTUS SERVE", "ICTUS RUN"] {
        assert!(
            said.contains(&format!(".SH \"{section}\"")) || said.contains(&format!(".SH {section}")),
            "{section}"
        );
    }
    for part in ["ICTUS_DIRECTORY", "path\\-prefix", "wrong usage"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The page refers to no page that does not exist.
    assert!(!said.contains("ictus\\-serve(1)"), "{said}");
}

#[test]
fn push_reports_its_wait_and_its_timeout() {
    // This gateway accepts connections and sends nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = format!("http://{}", silent.local_addr().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let mut push = ictus();
    push.arg("push").arg(directory.path()).args(["--job", "nightly", "--gateway", &gateway]);
    let (code, _, errors) = outcome(&push.output().unwrap());
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!((code, lines.len()), (Some(1), 2), "{errors}");
    assert!(lines[0].contains("has not answered for 2 s"), "{errors}");
    assert!(lines[1].contains("no answer within 10 s"), "{errors}");
}

#[test]
fn help_lists_every_action_and_run() {
    for action in ["serve", "write", "dump", "top", "push", "check", "run", "completions", "man"] {
        let (code, said, _) = outcome(&ictus().args(["help", action]).output().unwrap());
        assert_eq!(code, Some(0), "{action}");
        assert!(said.contains(&format!("ictus {action}")), "{said}");
    }
    let (code, _, errors) = outcome(&ictus().args(["run", "worker.py", "--port", "1"]).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(errors.contains("install the wheel"), "{errors}");
}

#[test]
fn the_environment_names_the_directory_of_every_action() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
    let run = |arguments: &[&str]| {
        outcome(&ictus().args(arguments).env("ICTUS_DIRECTORY", directory.path()).output().unwrap())
    };
    assert!(run(&["dump"]).1.contains("\njobs_total 1.0\n"));
    assert_eq!(run(&["check"]).0, Some(0));
    let (code, _, errors) = run(&["push", "--job", "a", "--gateway", "http://127.0.0.1:1"]);
    assert!(code == Some(1) && errors.contains("cannot push"), "{errors}");
    let (code, _, errors) = run(&["top"]);
    assert!(code == Some(2) && errors.contains("terminal"), "{errors}");
    let (code, _, errors) = outcome(&ictus().arg("dump").output().unwrap());
    assert!(code == Some(2) && errors.contains("<DIR>"), "{errors}");
}

#[test]
fn errors_of_directories_are_distinct() {
    let parent = tempfile::tempdir().unwrap();
    let (file, metrics) = (parent.path().join("file"), parent.path().join("metrics"));
    fs::write(&file, "").unwrap();
    let registry = Registry::open(&metrics).unwrap();
    registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
    for (directory, expected) in [
        (parent.path().join("none"), "none does not exist; give the metrics directory"),
        (file.join("below"), "file is not a directory"),
        (metrics.join("ictus"), "is the folder inside of a metrics directory; give "),
    ] {
        for (action, code) in [("dump", 1), ("check", 12)] {
            let (status, said, errors) = outcome(&ictus().arg(action).arg(&directory).output().unwrap());
            assert_eq!(status, Some(code), "{said}{errors}");
            assert!(format!("{said}{errors}").contains(expected), "{said}{errors}");
        }
    }
}

/// Only root can run a command as another user.
#[test]
fn error_for_the_wrong_user_names_the_owner() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let (closed, metrics) = (parent.path().join("closed"), parent.path().join("metrics"));
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(closed.join("metrics")).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let registry = Registry::open(&metrics).unwrap();
    registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
    for (directory, denied) in [(closed.join("metrics"), closed), (metrics.clone(), metrics.join("ictus"))] {
        for (action, code) in [("dump", 1), ("check", 13)] {
            let mut command = ictus();
            command.arg(action).arg(&directory).uid(65_534).gid(65_534);
            let Ok(output) = command.output() else { return };
            let (status, said, errors) = outcome(&output);
            let all = format!("{said}{errors}");
            if all.contains("env:") {
                return; // That user cannot run the built program.
            }
            assert_eq!(status, Some(code), "{all}");
            assert!(all.contains(&format!("cannot enter {}: permission denied", denied.display())), "{all}");
            assert!(all.contains("belongs to root (0) with mode 0700"), "{all}");
            assert!(all.contains("runs as ") && all.contains("as the workers' user"), "{all}");
        }
    }
}

#[test]
fn labels_of_the_command_distinguish_two_writers() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    registry.counter("jobs", "", &["app"]).unwrap().labels(&["own"]).unwrap().inc();
    registry.gauge("level", "", &[]).unwrap().labels(&[]).unwrap().set(1.0);
    let output = directory.path().join("shop.prom");
    let running = terminal::start(
        "write",
        directory.path(),
        &[
            "--output",
            output.to_str().unwrap(),
            "--label",
            "app=shop",
            "--label",
            "zone=\"a\"",
            "--interval",
            "0.05",
        ],
    );
    let deadline = Instant::now() + Duration::from_secs(20);
    while !output.exists() {
        assert!(Instant::now() < deadline, "no file");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(running.end("-TERM").0, Some(0));
    let text = fs::read_to_string(&output).unwrap();
    assert!(text.contains("\nlevel{app=\"shop\",zone=\"\\\"a\\\"\"} 1.0\n"), "{text}");
    // A label of the series itself takes precedence.
    assert!(text.contains("\njobs_total{app=\"own\",zone=\"\\\"a\\\"\"} 1.0\n"), "{text}");
    assert!(text.contains("\nictus_series{app=\"shop\",zone="), "{text}");
    let (running, address) = serve(directory.path(), &["--label", "app=shop", "--no-health"]);
    for target in ["/metrics", "/metrics?surface=canonical"] {
        let body = http_client::get(address, target).body;
        assert!(body.contains("\nlevel{app=\"shop\"} 1.0\n") && !body.contains("ictus_"), "{body}");
    }
    assert_eq!(running.end("-TERM").0, Some(0));
    let refused = |action: &str, labels: &[&str]| {
        let mut command = ictus();
        command.arg(action).arg(directory.path()).args(["--job", "a"].iter().filter(|_| action == "push"));
        for label in labels {
            command.args(["--label", label]);
        }
        let (code, _, errors) = outcome(&command.output().unwrap());
        assert_eq!(code, Some(2), "{action} {labels:?}: {errors}");
        errors
    };
    for action in ["write", "serve", "push"] {
        assert!(refused(action, &["a=1", "a=2"]).contains("--label a is given twice"), "{action}");
        refused(action, &["a"]);
    }
    for name in ["le", "quantile", "__name__", "9a", "a.b"] {
        refused("serve", &[&format!("{name}=1")]);
    }
}

#[test]
fn write_refuses_a_directory_and_writes_to_standard_output() {
    let directory = tempfile::tempdir().unwrap();
    let run = |output: &str| {
        let mut command = ictus();
        command.arg("write").arg(directory.path()).args(["--output", output, "--interval", "0.05"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let (code, _, errors) = outcome(&run(directory.path().to_str().unwrap()).wait_with_output().unwrap());
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("is a directory; name a file in it: --output ") && errors.contains(".prom"),
        "{errors}"
    );
    let mut child = run("-");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    for _ in 0..2 {
        assert!(lines.any(|line| line.unwrap() == "ictus_series 0.0"));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn serve_takes_a_port_of_all_interfaces_and_a_prefix() {
    let directory = tempfile::tempdir().unwrap();
    let (running, address) = serve(directory.path(), &["--listen", ":0", "--path-prefix", "/shop/ictus/"]);
    let page = format!("with a page at http://localhost:{}/shop/ictus/", address.port());
    assert!(running.said.contains(&page), "{}", running.said);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], address.port()));
    for (path, status) in [
        ("/shop/ictus/metrics", 200),
        ("/shop/ictus/", 200),
        ("/shop/ictus/snapshot.json", 200),
        ("/health", 200),
        ("/shop/ictus/health", 200),
        ("/metrics", 404),
        ("/shop/ictusmetrics", 404),
        ("/", 404),
    ] {
        assert_eq!(http_client::get(address, path).status, status, "{path}");
    }
    assert_eq!(running.end("-TERM").0, Some(0));
    let refused = ictus().args(["serve", ".", "--path-prefix", "shop"]).output().unwrap();
    assert_eq!(outcome(&refused).0, Some(2));
}
