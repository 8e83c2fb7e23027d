//! The class `TimerContext`: a measurement from the start of a block to its end.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ictus::Stopwatch;
use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::timer::Timer;
use crate::{convert::imports, log};

/// A measurement of one ``with`` block, or of each call of a decorated function.
///
/// The end of a measurement raises nothing. If it has no label values, it is counted as rejected and
/// logged.
#[pyclass(frozen, module = "ictus", name = "TimerContext")]
pub(crate) struct TimerContext {
    /// Never held while Python code runs, nor across a release of the GIL.
    state: Mutex<State>,
}

struct State {
    timer: Py<Timer>,
    start: Option<Stopwatch>,
}

#[pymethods]
impl TimerContext {
    /// Sets the label values of this measurement. Use this if they are known only at its end.
    ///
    /// Raises ``TypeError`` if the labels are not those of the family.
    #[pyo3(signature = (*values, **named))]
    fn labels(
        slf: &Bound<'_, TimerContext>,
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
        self.state().start = None;
    }

    fn __enter__<'py>(slf: Bound<'py, TimerContext>) -> PyResult<Bound<'py, TimerContext>> {
        let mut state = slf.get().state();
        if state.start.is_some() {
            return Err(PyRuntimeError::new_err(
                "a measurement is running already: call time() for each block",
            ));
        }
        state.start = Some(Stopwatch::start());
        drop(state);
        Ok(slf)
    }

    /// Records the duration, whether or not the block raised.
    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, PyTuple>) -> PyResult<()> {
        let mut state = self.state();
        let Some(start) = state.start.take() else { return Ok(()) };
        let timer = state.timer.clone_ref(py);
        drop(state);
        timer.get().record_since(start);
        if timer.get().check_series().is_err() {
            return log::flush(py);
        }
        Ok(())
    }

    /// Returns the function with a measurement of each call.
    fn __call__<'py>(&self, py: Python<'py>, function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let timer = self.state().timer.clone_ref(py);
        // Checked at decoration, because a call must not fail after the function has run.
        timer.get().check_series()?;
        let time = timer.bind(py).getattr("time")?;
        imports(py)?.call_method0("decorators")?.getattr("wrap_calls")?.call1((time, "time()", function))
    }
}

impl TimerContext {
    pub(super) fn new(timer: &Bound<'_, Timer>) -> TimerContext {
        TimerContext { state: Mutex::new(State { timer: timer.clone().unbind(), start: None }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
