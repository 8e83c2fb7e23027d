//! Each cause of a failure is logged once until all is well again.

use std::{
    collections::HashSet,
    fmt::Display,
    sync::{Mutex, PoisonError},
};

use ictus::Printable;

/// More distinct causes than that are not told apart, so that memory stays bounded.
const MOST: usize = 32;

/// What has been complained about since all was well.
#[derive(Debug, Default)]
pub(crate) struct ErrorLog {
    made: Mutex<HashSet<String>>,
}

impl ErrorLog {
    /// Logs a failure, unless its cause has been logged.
    pub(crate) fn failed(&self, cause: &dyn Display) {
        let cause = Printable(cause).to_string();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() < MOST && !made.contains(&cause) {
            log::error!("{cause}");
            made.insert(cause);
        }
    }

    /// All is well: says so where it was not.
    pub(crate) fn well(&self, message: &dyn Display) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.is_empty() {
            log::warn!("{}", Printable(message));
            made.clear();
        }
    }
}
