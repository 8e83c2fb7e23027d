//! Converts panics to `ICTUS_STATUS_INTERNAL`, so that none reaches the C caller.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{error, ictus_status};

/// Runs the body of a function of the C API, and converts a panic or an error to a status.
///
/// Asserts unwind safety for all bodies: the core's shared state is atomics and values that
/// are replaced as a whole, so a body that stops midway leaves nothing half written.
#[inline]
pub(crate) fn guard(body: impl FnOnce() -> Result<(), ictus_status>) -> ictus_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => ictus_status::Ok,
        Ok(Err(status)) => {
            error::failed(status);
            status
        }
        Err(payload) => {
            // Dropping the payload could panic again, and no guard would catch that panic.
            mem::forget(payload);
            error::failed(ictus_status::Internal);
            ictus_status::Internal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::guard;
    use crate::ictus_status;

    #[test]
    fn a_panic_becomes_a_status() {
        assert_eq!(guard(|| Ok(())), ictus_status::Ok);
        assert_eq!(guard(|| Err(ictus_status::Utf8)), ictus_status::Utf8);
        assert_eq!(guard(|| panic!("on purpose")), ictus_status::Internal);
    }
}
