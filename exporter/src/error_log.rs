//! Error log: logs each cause of a failure once until the operation succeeds again.

use std::{
    collections::HashSet,
    fmt::Display,
    sync::{Mutex, PoisonError},
};

use ictus::Printable;

/// Maximum number of distinct causes that are logged, so that memory stays bounded.
const MOST: usize = 32;

/// The causes that were logged since the last success.
#[derive(Debug, Default)]
pub(crate) struct ErrorLog {
    made: Mutex<HashSet<String>>,
}

impl ErrorLog {
    /// Logs a failure, unless its cause was already logged.
    pub(crate) fn failed(&self, cause: &dyn Display) {
        let cause = Printable(cause).to_string();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() < MOST && !made.contains(&cause) {
            log::error!("{cause}");
            made.insert(cause);
        }
    }

    /// Records a success; logs it if failures were logged before.
    pub(crate) fn recovered(&self, message: &dyn Display) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.is_empty() {
            log::warn!("{}", Printable(message));
            made.clear();
        }
    }
}
