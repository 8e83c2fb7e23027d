//! Output of the command: metrics on standard output, messages on standard error.
//!
//! Text from other sources is printed without characters that control a terminal.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
};

use ictus::{Printable, printable_lines};

/// Prints to standard output, and returns the exit code. For a terminal, control characters are
/// escaped as by [`printable_lines`]. A reader that closes the pipe early is not an error.
pub(crate) fn print(bytes: &[u8]) -> i32 {
    let mut out = io::stdout().lock();
    let cleaned = out.is_terminal().then(|| printable_lines(&String::from_utf8_lossy(bytes)).into_owned());
    let bytes = cleaned.as_ref().map_or(bytes, String::as_bytes);
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            eprint(&format_args!("cannot write to standard output: {error}"));
            1
        }
    }
}

/// The last message while the terminal is drawn on; `None` otherwise.
static BUFFER: Mutex<Option<String>> = Mutex::new(None);

/// Prints one line to standard error; failures are ignored, because it may be closed.
pub(crate) fn eprint(message: &dyn Display) {
    match &mut *buffer() {
        Some(last) => *last = Printable(message).to_string(),
        None => _ = writeln!(io::stderr().lock(), "ictus: {}", Printable(message)),
    }
}

/// Holds back messages while the terminal is drawn on, until this is dropped.
#[cfg(feature = "top")]
pub(crate) struct StderrBuffer;

#[cfg(feature = "top")]
impl StderrBuffer {
    pub(crate) fn new() -> StderrBuffer {
        *buffer() = Some(String::new());
        StderrBuffer
    }

    /// Returns the last message.
    pub(crate) fn last(&self) -> String {
        buffer().clone().unwrap_or_default()
    }
}

#[cfg(feature = "top")]
impl Drop for StderrBuffer {
    fn drop(&mut self) {
        *buffer() = None;
    }
}

fn buffer() -> std::sync::MutexGuard<'static, Option<String>> {
    BUFFER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Logs to standard error; a logger that the host has already set stays.
pub(crate) fn log_to_standard_error() {
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}

/// A logger for warnings and errors of the library, for a command without any other log.
struct StandardError;

impl log::Log for StandardError {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            eprint(record.args());
        }
    }

    fn flush(&self) {}
}
