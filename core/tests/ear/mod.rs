//! Captures log records. A test that uses it needs a process of its own, because the logger is
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

/// From now on it hears everything at that level and above.
pub(crate) fn listen(level: log::LevelFilter) {
    log::set_logger(&Ear).unwrap();
    log::set_max_level(level);
}

/// What was said since somebody asked: levels and words.
pub(crate) fn said() -> Vec<String> {
    mem::take(&mut SAID.lock().unwrap_or_else(PoisonError::into_inner))
}
