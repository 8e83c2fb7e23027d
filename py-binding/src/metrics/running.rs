//! The class `Running`: a measurement from the start of a block to its end.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ictus::Stopwatch;
use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::timer::Timer;
use crate::{convert::imports, log};

/// A measurement: of one ``with`` block, or of each call of a decorated function.
///
/// Nothing is raised where it ends: a measurement without label values is counted and logged.
#[pyclass(frozen, module = "ictus")]
pub(crate) struct Running {
    /// Never held while Python code runs, nor across a release of the GIL.
    state: Mutex<State>,
}

struct State {
    timer: Py<Timer>,
    begun: Option<Stopwatch>,
}

#[pymethods]
impl Running {
    /// Sets the series in which the measurement ends, where the outcome is known only then.
    #[pyo3(signature = (*values, **named))]
    fn labels(
        slf: &Bound<'_, Running>,
        values: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let family = slf.get().state().timer.clone_ref(slf.py());
        let series = family.get().labels(values, named)?;
        slf.get().state().timer = series.unbind();
        Ok(())
    }

    /// Ends the measurement without recording it.
    fn discard(&self) {
        self.state().begun = None;
    }

    fn __enter__<'py>(slf: Bound<'py, Running>) -> PyResult<Bound<'py, Running>> {
        let mut state = slf.get().state();
        if state.begun.is_some() {
            return Err(PyRuntimeError::new_err("a measurement runs already: call time() for each block"));
        }
        state.begun = Some(Stopwatch::start());
        drop(state);
        Ok(slf)
    }

    /// Records the time since, whether or not the block raised.
    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, PyTuple>) -> PyResult<()> {
        let mut state = self.state();
        let Some(begun) = state.begun.take() else { return Ok(()) };
        let timer = state.timer.clone_ref(py);
        drop(state);
        timer.get().end(begun);
        if timer.get().check_series().is_err() {
            return log::deliver(py);
        }
        Ok(())
    }

    /// A function that is measured at each call: until it returns or raises, a coroutine until it is
    /// done, a generator until it is exhausted.
    fn __call__<'py>(&self, py: Python<'py>, function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let timer = self.state().timer.clone_ref(py);
        // Checked at decoration, because a call must not fail after the function has run.
        timer.get().check_series()?;
        let time = timer.bind(py).getattr("time")?;
        imports(py)?.call_method0("around")?.getattr("each_call")?.call1((time, "time()", function))
    }
}

impl Running {
    pub(super) fn new(timer: &Bound<'_, Timer>) -> Running {
        Running { state: Mutex::new(State { timer: timer.clone().unbind(), begun: None }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
