//! The command as a shell runs it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

mod client;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

fn ictus() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ictus"));
    command.env_remove("ICTUS_SURFACES");
    command
}

fn outcome(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Sends a signal by the shell's own command, and waits for the end.
fn end(mut child: Child, signal: &str) -> Option<i32> {
    let sent = Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("still running after {signal}");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Starts `ictus serve` on a free port, and finds out which.
fn serve(directory: &Path, options: &[&str]) -> (Child, SocketAddr) {
    let mut child = ictus()
        .arg("serve")
        .arg(directory)
        .args(["--listen", "127.0.0.1:0"])
        .args(options)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.and_then(|address| address.parse().ok());
    let address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
    (child, address)
}

#[test]
fn serve_answers_until_a_signal_ends_it() {
    for signal in ["-TERM", "-INT"] {
        let directory = tempfile::tempdir().unwrap();
        let (child, address) = serve(directory.path(), &[]);
        assert_eq!(client::get(address, "/health").body, "OK");
        assert_eq!(client::get(address, "/metrics").status, 200);
        assert_eq!(end(child, signal), Some(0), "{signal}");
        TcpListener::bind(address).unwrap();
    }
}

/// 512 clients are the limit, and those that say nothing lose their places in seconds.
#[test]
fn more_idle_clients_than_places_cannot_keep_a_scraper_out() {
    let directory = tempfile::tempdir().unwrap();
    let (child, address) = serve(directory.path(), &[]);
    let healthy = || {
        let mut stream = client::connect(address);
        let mut answer = String::new();
        // One that is turned away may be told so while it writes.
        let _ = stream.write_all(b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n");
        stream.read_to_string(&mut answer).is_ok() && answer.ends_with("OK")
    };
    let idle: Vec<_> = (0..512).map(|_| client::connect(address)).collect();
    assert!(!healthy(), "no limit");
    let start = Instant::now();
    while !healthy() {
        assert!(start.elapsed() < Duration::from_secs(30), "idle clients keep their places");
        thread::sleep(Duration::from_millis(100));
    }
    drop(idle);
    assert_eq!(end(child, "-TERM"), Some(0));
}

#[test]
fn serve_on_a_port_in_use_fails_with_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let output = ictus().arg("serve").arg(directory.path()).args(["--listen", &address]).output().unwrap();
    let (code, _, errors) = outcome(&output);
    assert_eq!(code, Some(1));
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains(&address) && errors.contains("choose another port"), "{errors}");
}

#[test]
fn write_writes_beside_the_segments_until_a_signal_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let child = ictus().arg("write").arg(directory.path()).stderr(Stdio::null()).spawn().unwrap();
    let path = directory.path().join("conductor_metrics.prom");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(Instant::now() < deadline, "no file");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(end(child, "-TERM"), Some(0));
    assert!(fs::metadata(path).unwrap().is_file());
}

#[test]
fn write_says_once_what_is_wrong_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("missing").join("metrics.prom");
    let mut child = ictus()
        .arg("write")
        .arg(directory.path())
        .arg("--output")
        .arg(&output)
        .args(["--interval", "0.01"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = child.stderr.take().unwrap();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(end(child, "-INT"), Some(0));
    let mut text = String::new();
    errors.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("cannot write").count(), 1, "{text}");
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
    // The owner lives in this process, the command reads from another one.
    let text = dump("text");
    assert!(text.contains("work_seconds{quantile=\"0.5\",queue=\"mail\"} 0.0505\n"), "{text}");
    assert!(text.contains("work_seconds_count{queue=\"mail\"} 100.0\n"), "{text}");
    let openmetrics = dump("openmetrics");
    assert!(openmetrics.contains("work_seconds_count{queue=\"mail\"} 100.0\n"), "{openmetrics}");
    assert!(openmetrics.ends_with("\n# EOF\n"), "{openmetrics}");
    let table = dump("table");
    assert!(table.contains("queue=mail") && table.contains("50.5 ms") && table.contains("5.05 s"), "{table}");
}

#[test]
fn dump_of_nothing_says_which_directory_it_wants() {
    let directory = tempfile::tempdir().unwrap();
    let output = ictus().arg("dump").arg(directory.path().join("missing")).output().unwrap();
    let (code, printed, errors) = outcome(&output);
    assert_eq!((code, printed.as_str()), (Some(1), ""));
    assert!(errors.contains("missing") && errors.contains("metrics directory"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = ictus().arg("--help").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(outcome(&output), (Some(0), String::new(), String::new()));
}

#[test]
fn wrong_calls_exit_with_two() {
    for (arguments, named) in [
        (&["dump", ".", "--surface", "legacy,canonical"][..], "canonical"),
        (&["dump", ".", "--surface", "legcy"], "documented"),
        (&["dump", ".", "--format", "xml"], "table"),
        (&["serve", ".", "--listen", "9464"], "127.0.0.1:9464"),
        (&["write", ".", "--interval", "0"], "0.01"),
        (&["write", ".", "--interval", "NaN"], "0.01"),
        (&["serve"], "DIR"),
        (&["sreve", "."], "serve"),
        (&[], "dump"),
    ] {
        let (code, printed, errors) = outcome(&ictus().args(arguments).output().unwrap());
        assert_eq!((code, printed.as_str()), (Some(2), ""), "{arguments:?}: {errors}");
        assert!(errors.contains(named), "{arguments:?}: {errors}");
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
