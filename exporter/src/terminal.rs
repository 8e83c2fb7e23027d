//! What the command says: metrics to standard output, the rest to standard error. Text from outside moves no
//! terminal.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
};

use ictus::{Printable, printable_lines};

/// Prints to standard output, to a terminal as [`printable_lines`] has it; a reader that has seen enough is no
/// failure.
pub(crate) fn print(bytes: &[u8]) -> i32 {
    let mut out = io::stdout().lock();
    let cleaned = out.is_terminal().then(|| printable_lines(&String::from_utf8_lossy(bytes)).into_owned());
    let bytes = cleaned.as_ref().map_or(bytes, String::as_bytes);
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            tell(&format_args!("cannot write to standard output: {error}"));
            1
        }
    }
}

/// What was said last while the terminal is drawn on; none while it is not.
static HELD: Mutex<Option<String>> = Mutex::new(None);

/// One line on standard error, which may be gone.
pub(crate) fn tell(message: &dyn Display) {
    match &mut *held() {
        Some(last) => *last = Printable(message).to_string(),
        None => _ = writeln!(io::stderr().lock(), "ictus: {}", Printable(message)),
    }
}

/// Holds back what is said until this is dropped: the terminal is drawn on.
pub(crate) struct StderrBuffer;

impl StderrBuffer {
    pub(crate) fn new() -> StderrBuffer {
        *held() = Some(String::new());
        StderrBuffer
    }

    /// What was said last.
    pub(crate) fn last(&self) -> String {
        held().clone().unwrap_or_default()
    }
}

impl Drop for StderrBuffer {
    fn drop(&mut self) {
        *held() = None;
    }
}

fn held() -> std::sync::MutexGuard<'static, Option<String>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Logs to standard error; a host that has set a logger keeps it.
pub(crate) fn log_to_standard_error() {
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}

/// Warnings and errors of the library, for a command that has no other log.
struct StandardError;

impl log::Log for StandardError {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            tell(record.args());
        }
    }

    fn flush(&self) {}
}
