//! One interpreter a process: the types of this module are shared by all that load it.

use pyo3::{exceptions::PyImportError, ffi, prelude::*};

/// Refuses every interpreter but the main one: `PyO3` has one set of types a process, and objects must
/// not wander between interpreters.
pub(crate) fn refuse_others(_: Python<'_>) -> PyResult<()> {
    // SAFETY: the token says that this thread is attached to an interpreter, which is all that it needs.
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
