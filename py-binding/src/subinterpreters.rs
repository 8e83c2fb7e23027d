//! Restricts the module to one interpreter per process, because all interpreters that load it share
//! its types.

use pyo3::{exceptions::PyImportError, ffi, prelude::*};

/// Returns an error in every interpreter but the main one. `PyO3` has one set of types per process,
/// and objects must not move between interpreters.
pub(crate) fn reject(_: Python<'_>) -> PyResult<()> {
    // SAFETY: the token proves that this thread is attached to an interpreter, which is the only
    // requirement.
    let current = unsafe { ffi::PyInterpreterState_Get() };
    // SAFETY: as above; that interpreter lives while this thread is attached to it.
    let number = unsafe { ffi::PyInterpreterState_GetID(current) };
    if number == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "ictus cannot be loaded in a subinterpreter: import it in the main interpreter \
         (with mod_wsgi: WSGIApplicationGroup %{GLOBAL})",
    ))
}
