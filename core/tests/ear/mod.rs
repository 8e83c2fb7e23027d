//! Captures log records. A test that uses it needs a separate process, because the logger is
//! global.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    mem,
    sync::{Mutex, PoisonError},
};

static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Ear;

impl log::Log for Ear {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let said = format!("{} {}", record.level(), record.args());
        SAID.lock().unwrap_or_else(PoisonError::into_inner).push(said);
    }

    fn flush(&self) {}
}

/// Captures all records at that level and above from now on.
pub(crate) fn listen(level: log::LevelFilter) {
    log::set_logger(&Ear).unwrap();
    log::set_max_level(level);
}

/// Returns the records captured since the last call: levels and messages.
pub(crate) fn said() -> Vec<String> {
    mem::take(&mut SAID.lock().unwrap_or_else(PoisonError::into_inner))
}
