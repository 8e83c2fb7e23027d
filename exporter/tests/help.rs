//! Help is wrapped at the width of the terminal, and at 100 columns without one.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]
mod terminal;

use std::{
    fs::{File, OpenOptions},
    io::Read,
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    process::Stdio,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use terminal::{ictus, outcome};

const ACTIONS: [&str; 10] =
    ["", "serve", "write", "dump", "top", "push", "check", "run", "completions", "man"];
const MAX_COLUMNS: usize = 100;

/// Fails if a line is wider than `columns` although it could be broken. Returns the longest width.
fn widest(action: &str, help: &str, columns: usize) -> usize {
    for line in help.lines() {
        let width = line.chars().count();
        // A usage line is never broken, nor a value such as `[env: NAME=]`.
        let words = line.trim().replace("[env: ", "[env:").replace("[default: ", "[default:");
        let is_one_word =
            words.split(' ').filter(|word| !word.is_empty() && !word.starts_with('-')).count() <= 1;
        let is_usage = line.starts_with("Usage:") || line.starts_with("       ictus ");
        assert!(
            width <= columns || is_one_word || is_usage,
            "{action}: {width} columns instead of {columns}: {line:?}"
        );
    }
    help.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// Returns the help of an action without a terminal.
fn piped(action: &str, columns: Option<usize>) -> String {
    let mut command = ictus();
    command.args(["help", action].into_iter().filter(|argument| !argument.is_empty()));
    command.env_remove("COLUMNS").stdin(Stdio::null());
    if let Some(columns) = columns {
        command.env("COLUMNS", columns.to_string());
    }
    let (code, help, errors) = outcome(&command.output().unwrap());
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{action}");
    help
}

#[test]
fn help_in_a_pipe_has_100_columns() {
    for action in ACTIONS {
        widest(action, &piped(action, None), MAX_COLUMNS);
    }
    assert!(widest("serve", &piped("serve", None), MAX_COLUMNS) > 90, "it is not wrapped too early");
}

#[test]
fn help_fits_the_columns_of_the_environment() {
    for columns in [60, 80, 120, 200] {
        for action in ACTIONS {
            widest(action, &piped(action, Some(columns)), columns.min(MAX_COLUMNS));
        }
    }
    // An option and its value alone may need more than 40 columns.
    for action in ACTIONS {
        widest(action, &piped(action, Some(40)), 40);
    }
}

/// Returns the help that the command prints on a terminal of that width.
fn on_a_terminal(action: &str, columns: u16) -> String {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let path = std::ffi::OsStr::from_bytes(name.as_bytes());
    let flags = i32::try_from(OpenptFlags::NOCTTY.bits()).unwrap();
    let side = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).unwrap();
    tcsetwinsize(&side, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let mut command = ictus();
    command
        .args([action, "--help"])
        .env_remove("COLUMNS")
        .stdin(Stdio::null())
        .stdout(side.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    // Closes this process's copies, so that reading ends.
    drop((command, side));
    let (mut bytes, mut controller) = (Vec::new(), File::from(controller));
    // A terminal whose last user ended is an error.
    let _ = controller.read_to_end(&mut bytes);
    assert!(child.wait().unwrap().success());
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

#[test]
fn help_fits_the_terminal() {
    for (columns, at_least) in [(60, 50), (80, 70), (120, 90), (200, 90)] {
        let help = on_a_terminal("serve", columns);
        assert!(help.contains("--tls-client-ca"), "{help}");
        let widest = widest("serve", &help, usize::from(columns).min(MAX_COLUMNS));
        assert!(widest >= at_least, "{widest} of {columns} columns:\n{help}");
    }
}
