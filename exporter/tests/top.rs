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
        Terminal::sized(directory, options, (120, 20))
    }

    fn sized(directory: &Path, options: &str, (width, height): (u16, u16)) -> Terminal {
        let terminal = Terminal { socket: tempfile::tempdir().unwrap() };
        let top = format!("{} top {} {options}", env!("CARGO_BIN_EXE_ictus"), directory.display());
        // The terminal stays open after the command, and shows its exit code.
        let shown = format!("{top}; echo ended with $?; sleep 60");
        let (width, height) = (width.to_string(), height.to_string());
        let started = terminal.tmux(&["new-session", "-d", "-x", &width, "-y", &height, &shown]);
        assert!(started.status.success(), "{started:?}");
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let socket = self.socket.path().join("tmux");
        let mut command = Command::new("tmux");
        command.arg("-S").arg(socket).args(["-f", "/dev/null"]).args(arguments);
        command.env("LC_ALL", "C.UTF-8").output().unwrap()
    }

    /// Returns the process id of `ictus top`, the child of the terminal's shell.
    fn process(&self) -> String {
        let shell = outcome(&self.tmux(&["display-message", "-p", "#{pane_pid}"])).1;
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", shell.trim())).unwrap();
        children.trim().to_owned()
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
fn keys_sort_filter_pause_and_end_top() {
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
    let previous = terminal.screen();
    (0..77).for_each(|_| late.observe(1.0));
    thread::sleep(Duration::from_millis(500));
    assert_eq!(terminal.screen(), previous);
    terminal.press(&["p"]);
    terminal.until("what was recorded meanwhile", |screen| screen.contains(" 78 "));

    terminal.press(&["/", "l", "a", "t", "e"]);
    terminal.until("one series", |screen| screen.contains("late_seconds") && !screen.contains("job="));
    terminal.press(&["Enter"]);
    terminal.until("the filter", |screen| screen.contains("filter: late (1 of 4)"));
    terminal.press(&["Escape"]);
    terminal.until("all series", |screen| screen.contains("job=slow"));
    terminal.press(&["?"]);
    terminal.until("help", |screen| screen.contains("sort by p99, rate, count, name"));
    terminal.press(&["?"]);
    terminal.until("no help", |screen| !screen.contains("sort by p99, rate, count, name"));
    terminal.press(&["q"]);
    let screen = terminal.until("the end", |screen| screen.contains("ended with 0"));
    assert!(!screen.contains("job="), "the shell's screen is back: {screen}");
}

#[test]
fn help_is_read_on_a_small_terminal() {
    if !has_tmux() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let _registry = recorded(directory.path());
    let terminal = Terminal::sized(directory.path(), "--interval 0.2", (40, 10));
    terminal.until("series", |screen| screen.contains("job=slow"));
    terminal.press(&["?"]);
    let screen = terminal.until("help", |screen| screen.contains("a row up, down; also"));
    assert!(screen.contains("Esc close") && !screen.contains("Ctrl-C"), "{screen}");
    terminal.press(&["Down"]);
    terminal.until("the next line", |screen| !screen.contains("a row up, down; also"));
    terminal.press(&["End"]);
    terminal.until("the last key", |screen| in_order(screen, &["hide this", "q, Ctrl-C", "quit"]));
    assert!(terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]).status.success());
    terminal.until("all keys", |screen| in_order(screen, &["a row up, down", "q, Ctrl-C  quit"]));
    // As in a pager, the key that ends the command only closes the help.
    terminal.press(&["q"]);
    terminal.until("the list", |screen| screen.contains("P99▾") && !screen.contains("Ctrl-C"));
    terminal.press(&["q"]);
    terminal.until("the end", |screen| screen.contains("ended with 0"));
}

#[test]
fn top_survives_a_resize_and_a_recreated_directory() {
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

/// Timers with numbers of every length, and labels that differ in their middle.
fn recorded_wide(directory: &Path) -> (Registry, Vec<&'static str>) {
    let registry = Registry::open(directory).unwrap();
    let requests =
        registry.timer("http_client_request_duration_seconds", "Requests.", &["status", "uri"]).unwrap();
    let values = [
        (2.5e-7, "250 ns"),
        (0.0999, "99.9 ms"),
        (59.0, "59.0 s"),
        (331_200.0, "3 d 20 h"),
        (86_340.0, "23 h 59 m"),
    ];
    for (index, (value, _)) in values.iter().enumerate() {
        let uri = format!("/api/v1/tenants/{index}/workflows/tasks/queue/update");
        requests.labels(&["200", &uri]).unwrap().observe(*value);
    }
    let mails = registry.counter("mails_sent", "", &[]).unwrap().labels(&[]).unwrap();
    mails.add(13_300_123.0);
    (registry, values.map(|(_, text)| text).into())
}

/// Whether a line has a text as a word, not as a part of a longer number.
fn has_word(line: &str, text: &str) -> bool {
    format!(" {line} ").contains(&format!(" {text} "))
}

#[test]
fn numbers_are_whole_at_every_size() {
    if !has_tmux() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (_registry, texts) = recorded_wide(directory.path());
    for (width, height) in [(40, 10), (80, 24), (120, 40), (200, 60)] {
        let terminal = Terminal::sized(directory.path(), "--interval 0.2", (width, height));
        // The last line is drawn last.
        let screen = terminal.until("series", |screen| screen.contains("P99▾") && screen.contains("? help"));
        for text in &texts {
            assert!(screen.lines().any(|line| has_word(line, text)), "{width}: {text}\n{screen}");
        }
        let rows = screen.lines().skip(2).take(texts.len());
        let mut starts: Vec<String> =
            rows.map(|line| line.chars().take(usize::from(width) - 10).collect()).collect();
        starts.sort();
        starts.dedup();
        assert_eq!(starts.len(), texts.len(), "rows differ by more than their numbers\n{screen}");
        terminal.press(&["c"]);
        let screen = terminal.until("the count", |screen| screen.contains("COUNT▾"));
        assert!(screen.lines().any(|line| has_word(line, "13.3 M")), "{screen}");
    }
}

#[test]
fn series_are_found_by_their_names_in_prometheus_and_shown_alone() {
    if !has_tmux() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (_registry, _) = recorded_wide(directory.path());
    let terminal = Terminal::sized(directory.path(), "--interval 0.2", (80, 24));
    terminal.until("series", |screen| screen.contains("P99"));
    terminal.press(&["/"]);
    terminal.press(&["-l", "{uri=~\".*/3/.*\",status=\"200\"}"]);
    terminal.until("one of six", |screen| screen.contains("1 of 6 series"));
    terminal.press(&["Enter"]);
    terminal.press(&["Enter"]);
    let screen = terminal.until("the series", |screen| screen.contains("p99.9"));
    for text in
        ["http_client_request_duration_seconds", "Requests.", "status = 200", "max    3 d 20 h", "count  1"]
    {
        assert!(screen.contains(text), "{text}\n{screen}");
    }
    terminal.press(&["Escape"]);
    terminal.until("the list", |screen| screen.contains("P99▾"));
    terminal.press(&["/"]);
    terminal.press(&["-l", "x"]);
    let screen = terminal.until("no match", |screen| screen.contains("No series matches"));
    assert!(screen.contains("Esc shows all 6 series"), "{screen}");
    terminal.press(&["Escape"]);
    // Escape and a key at once are that key with Alt.
    terminal.until("all series", |screen| !screen.contains("No series matches"));
    terminal.press(&["/"]);
    terminal.press(&["-l", "mails_sent_total"]);
    terminal.until("the counter", |screen| screen.contains("1 of 6 series"));
}

impl Terminal {
    /// Sends the bytes by which a terminal reports a mouse button, in characters from the left and from
    /// the top: 0 is the left button, 65 the wheel.
    fn click(&self, button: u8, column: usize, line: usize) {
        let bytes = format!("\x1b[<{button};{};{}M", column + 1, line + 1);
        let bytes: Vec<String> = bytes.bytes().map(|byte| format!("{byte:02x}")).collect();
        let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
        self.press(&[&["-H"], &bytes[..]].concat());
    }

    /// Returns whether the command has requested reports of the mouse.
    fn has_mouse(&self) -> bool {
        outcome(&self.tmux(&["display-message", "-p", "#{mouse_standard_flag}#{mouse_sgr_flag}"])).1.trim()
            == "11"
    }
}

#[test]
fn the_mouse_sorts_selects_and_scrolls_until_it_is_released() {
    if !has_tmux() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let _registry = recorded(directory.path());
    let terminal = Terminal::start(directory.path(), "--interval 0.2");
    let screen = terminal.until("by p99", |screen| in_order(screen, &["job=slow", "job=some", "job=often"]));
    assert!(terminal.has_mouse());
    let header = screen.lines().nth(1).unwrap();
    let column = header[..header.find("COUNT").unwrap()].chars().count();
    terminal.click(0, column, 1);
    terminal.until("by count", |screen| in_order(screen, &["job=often", "job=some", "job=slow"]));
    terminal.click(0, 3, 4);
    terminal.until("the third series", |screen| screen.contains("job_seconds{job=\"slow\"}"));
    terminal.click(0, 3, 4);
    terminal.until("its details", |screen| screen.contains("job = slow"));
    terminal.click(0, 3, 4);
    terminal.until("the list", |screen| screen.contains("COUNT▾"));
    terminal.click(64, 3, 4);
    terminal.until("the first series", |screen| screen.contains("job_seconds{job=\"often\"}"));
    terminal.press(&["m"]);
    terminal.until("the mouse released", |_| !terminal.has_mouse());
    terminal.press(&["m"]);
    terminal.until("the mouse used again", |_| terminal.has_mouse());
    terminal.press(&["q"]);
    terminal.until("the end", |screen| screen.contains("ended with 0"));
    assert!(!terminal.has_mouse(), "the shell gets no reports of the mouse");
}

#[test]
#[cfg(target_os = "linux")]
fn signals_end_top_and_restore_the_screen() {
    if !has_tmux() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let _registry = recorded(directory.path());
    for signal in ["-TERM", "-INT", "-HUP"] {
        let terminal = Terminal::start(directory.path(), "--interval 3600");
        terminal.until("series", |screen| screen.contains("job=slow"));
        let sent = Command::new("kill").args([signal, &terminal.process()]).status().unwrap();
        assert!(sent.success(), "{signal}");
        let screen = terminal.until("the end", |screen| screen.contains("ended with 0"));
        assert!(!screen.contains("job="), "{signal}: the shell's screen is back: {screen}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn top_ends_when_its_terminal_is_closed() {
    if !has_tmux() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let _registry = recorded(directory.path());
    let terminal = Terminal::start(directory.path(), "--interval 3600");
    terminal.until("series", |screen| screen.contains("job=slow"));
    let process = terminal.process();
    let command = format!("/proc/{process}/cmdline");
    drop(terminal);
    let deadline = Instant::now() + Duration::from_secs(30);
    // An ended process without a parent that waits has an empty command line.
    while fs::read(&command).is_ok_and(|command| !command.is_empty()) {
        assert!(Instant::now() < deadline, "{process} runs without a terminal");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_directory_without_series_is_explained() {
    if !has_tmux() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("metrics");
    let terminal = Terminal::sized(&directory, "--interval 0.1", (80, 24));
    terminal.until("that it is missing", |screen| screen.contains("does not exist yet"));
    fs::create_dir(&directory).unwrap();
    let screen = terminal.until("that it is empty", |screen| screen.contains("Nothing is recorded"));
    assert!(screen.contains("ictus check"), "{screen}");
    fs::remove_dir(&directory).unwrap();
    fs::write(&directory, "").unwrap();
    terminal.until("that it is a file", |screen| screen.contains("is not a directory"));
}

#[test]
fn top_without_a_terminal_names_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let (code, _, errors) = outcome(&terminal::ictus().arg("top").arg(directory.path()).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(errors.contains("dump DIR --format table"), "{errors}");
}
