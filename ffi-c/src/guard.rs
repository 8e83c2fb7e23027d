//! The wall that no panic passes.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{error, ictus_status};

/// The body of every function of the C interface.
///
/// Asserts unwind safety for all of them: the core's shared state is atomics and values that are
/// swapped whole, so a body that stopped midway leaves nothing half written.
#[inline]
pub(crate) fn guard(body: impl FnOnce() -> Result<(), ictus_status>) -> ictus_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => ictus_status::Ok,
        Ok(Err(status)) => {
            error::failed(status);
            status
        }
        Err(payload) => {
            // Dropping it could panic again, out of reach of any guard.
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
