//! Captures log lines and finds those of one directory.

use std::{
    path::Path,
    sync::{Mutex, Once, PoisonError},
};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// Captures warnings from now on.
pub(crate) fn keep() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        log::set_logger(&Lines).unwrap();
        log::set_max_level(log::LevelFilter::Warn);
    });
}

/// Returns the lines that name a path below that directory.
pub(crate) fn of(directory: &Path) -> Vec<String> {
    let directory = directory.to_str().unwrap();
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|line| line.contains(directory)).cloned().collect()
}
