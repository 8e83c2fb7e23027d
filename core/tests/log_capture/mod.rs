//! Captures log records. A test that uses it needs a separate process, because the logger is
//! global.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    mem,
    sync::{Mutex, PoisonError},
};

static RECORDS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Capture;

impl log::Log for Capture {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let record_text = format!("{} {}", record.level(), record.args());
        RECORDS.lock().unwrap_or_else(PoisonError::into_inner).push(record_text);
    }

    fn flush(&self) {}
}

/// Captures all records at that level and above from now on.
pub(crate) fn install(level: log::LevelFilter) {
    log::set_logger(&Capture).unwrap();
    log::set_max_level(level);
}

/// Returns the records captured since the last call: levels and messages.
pub(crate) fn take() -> Vec<String> {
    mem::take(&mut RECORDS.lock().unwrap_or_else(PoisonError::into_inner))
}
