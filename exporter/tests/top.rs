//! `ictus top` in a terminal of tmux, which types keys and reads the screen as a user does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

mod terminal;

use std::{
    env, fs,
    io::{self, Write},
    path::Path,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use ictus::Registry;
use terminal::outcome;

/// A terminal that runs `ictus top`; ended if a test fails.
struct Terminal {
    /// The folder of the socket of a separate tmux server.
    socket: tempfile::TempDir,
}

impl Terminal {
    fn start(directory: &Path, options: &str) -> Terminal {
        let terminal = Terminal { socket: tempfile::tempdir().unwrap() };
        let top = format!("{} top {} {options}", env!("CARGO_BIN_EXE_ictus"), directory.display());
        // The terminal stays open after the command, and shows its exit code.
        let shown = format!("{top}; echo ended with $?; sleep 60");
        let started = terminal.tmux(&["new-session", "-d", "-x", "120", "-y", "20", &shown]);
        assert!(started.status.success(), "{started:?}");
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let socket = self.socket.path().join("tmux");
        let mut command = Command::new("tmux");
        command.arg("-S").arg(socket).args(["-f", "/dev/null"]).args(arguments);
        command.env("LC_ALL", "C.UTF-8").output().unwrap()
    }

    fn press(&self, keys: &[&str]) {
        assert!(self.tmux(&[&["send-keys"], keys].concat()).status.success());
    }

    fn screen(&self) -> String {
        outcome(&self.tmux(&["capture-pane", "-p"])).1
    }

    /// Returns the screen as soon as it fulfils the condition.
    fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "never: {what}\n{screen}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

fn has_tmux() -> bool {
    if Command::new("tmux").arg("-V").output().is_ok() {
        return true;
    }
    assert!(env::var("CI").as_deref() != Ok("true"), "tmux is not installed");
    writeln!(io::stderr().lock(), "SKIPPED: tmux is not installed").unwrap();
    false
}

fn recorded(directory: &Path) -> Registry {
    let registry = Registry::open(directory).unwrap();
    let jobs = registry.timer("job_seconds", "", &["job"]).unwrap();
    for (job, times, value) in [("slow", 3, 9.0), ("often", 500, 0.02), ("some", 40, 0.5)] {
        (0..times).for_each(|_| jobs.labels(&[job]).unwrap().observe(value));
    }
    registry
}

/// Whether the screen shows these texts in this order.
fn in_order(screen: &str, texts: &[&str]) -> bool {
    let places: Option<Vec<usize>> = texts.iter().map(|text| screen.find(text)).collect();
    places.is_some_and(|places| places.is_sorted())
}

#[test]
fn keys_order_filter_pause_and_end_it() {
    if !has_tmux() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let registry = recorded(directory.path());
    let terminal = Terminal::start(directory.path(), "--interval 0.1");
    let screen = terminal.until("by p99", |screen| in_order(screen, &["job=slow", "job=some", "job=often"]));
    assert!(screen.contains("3 series, 1 live and 0 dead workers"), "{screen}");
    assert!(screen.contains("9.00 s") && screen.contains("20.0 ms") && screen.contains('█'), "{screen}");
    terminal.press(&["c"]);
    terminal.until("by count", |screen| in_order(screen, &["job=often", "job=some", "job=slow"]));
    terminal.press(&["n"]);
    terminal.until("by name", |screen| in_order(screen, &["job=often", "job=slow", "job=some"]));

    let late = registry.timer("late_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    late.observe(1.0);
    terminal.until("a new series", |screen| screen.contains("late_seconds"));
    terminal.press(&["p"]);
    terminal.until("a pause", |screen| screen.contains("PAUSED"));
    let before = terminal.screen();
    (0..77).for_each(|_| late.observe(1.0));
    thread::sleep(Duration::from_millis(500));
    assert_eq!(terminal.screen(), before);
    terminal.press(&["p"]);
    terminal.until("what was recorded meanwhile", |screen| screen.contains(" 78 "));

    terminal.press(&["/", "l", "a", "t", "e"]);
    terminal.until("one series", |screen| screen.contains("late_seconds") && !screen.contains("job="));
    terminal.press(&["Enter"]);
    terminal.until("the filter", |screen| screen.contains("filter: late (1 of 4)"));
    terminal.press(&["Escape"]);
    terminal.until("all series", |screen| screen.contains("job=slow"));
    terminal.press(&["?"]);
    terminal.until("help", |screen| screen.contains("order by p99, rate, count, name"));
    terminal.press(&["?"]);
    terminal.until("no help", |screen| !screen.contains("order by p99, rate, count, name"));
    terminal.press(&["q"]);
    let screen = terminal.until("the end", |screen| screen.contains("ended with 0"));
    assert!(!screen.contains("job="), "the shell's screen is back: {screen}");
}

#[test]
fn it_survives_a_resize_and_a_directory_that_goes_and_comes() {
    if !has_tmux() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("metrics");
    let terminal = Terminal::start(&directory, "--interval 0.1");
    terminal.until("nothing yet", |screen| screen.contains("waiting for workers"));
    fs::create_dir(&directory).unwrap();
    let registry = recorded(&directory);
    terminal.until("series", |screen| screen.contains("job=slow"));
    for (width, height) in [("60", "8"), ("20", "4"), ("180", "40")] {
        assert!(terminal.tmux(&["resize-window", "-x", width, "-y", height]).status.success());
        thread::sleep(Duration::from_millis(200));
    }
    let screen = terminal.until("the larger one", |screen| screen.contains("job=slow"));
    assert!(screen.lines().any(|line| line.chars().count() > 120), "{screen}");
    fs::remove_dir_all(&directory).unwrap();
    let screen = terminal.until("that it is gone", |screen| screen.contains("does not exist"));
    assert!(screen.contains("job=slow"), "what was seen stays: {screen}");
    drop(registry);
    fs::create_dir_all(&directory).unwrap();
    let again = Registry::open(&directory).unwrap();
    again.timer("again_seconds", "", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
    terminal
        .until("what is there now", |screen| screen.contains("again_seconds") && !screen.contains("job="));
    terminal.press(&["C-c"]);
    terminal.until("the end", |screen| screen.contains("ended with 0"));
}

#[test]
fn what_is_no_terminal_is_told_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let (code, _, errors) = outcome(&terminal::ictus().arg("top").arg(directory.path()).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(errors.contains("dump DIR --format table"), "{errors}");
}
