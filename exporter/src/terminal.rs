//! What the command says: metrics to standard output, the rest to standard error.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Prints to standard output; a reader that has seen enough is no failure.
pub(crate) fn print(bytes: &[u8]) -> i32 {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            tell(&format_args!("cannot write to standard output: {error}"));
            1
        }
    }
}

/// One line on standard error, which may be gone.
pub(crate) fn tell(message: &dyn Display) {
    let _ = writeln!(io::stderr().lock(), "ictus: {message}");
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
