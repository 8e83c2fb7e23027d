//! Error log: logs each cause of a failure once until the operation succeeds again.

use std::fmt::Display;

use ictus::{Printable, host::LoggedCauses};

/// Maximum number of distinct causes that are logged, so that memory stays bounded.
const MAX_CAUSES: usize = 32;

/// The causes that were logged since the last success.
#[derive(Debug)]
pub(crate) struct ErrorLog(LoggedCauses);

impl Default for ErrorLog {
    fn default() -> ErrorLog {
        ErrorLog(LoggedCauses::new(MAX_CAUSES))
    }
}

impl ErrorLog {
    /// Logs a failure, unless its cause was already logged.
    pub(crate) fn failed(&self, cause: &dyn Display) {
        let cause = Printable(cause).to_string();
        if self.0.is_new(&cause) {
            log::error!("{cause}");
        }
    }

    /// Records a success; logs it if failures were logged before.
    pub(crate) fn recovered(&self, message: &dyn Display) {
        if self.0.clear() {
            log::warn!("{}", Printable(message));
        }
    }
}
