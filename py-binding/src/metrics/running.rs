//! A measurement, from where a block begins to where it ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ictus::Stopwatch;
use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::timer::Timer;

/// Measures one `with` block; or a function, each call by itself.
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
    /// Says in which series the measurement ends: the outcome of some work is known at its end.
    #[pyo3(signature = (*values, **named))]
    fn labels(
        slf: &Bound<'_, Running>,
        values: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let family = slf.get().state().timer.clone_ref(slf.py());
        let series = family.bind(slf.py()).call_method("labels", values.clone(), named)?;
        slf.get().state().timer = series.cast_into::<Timer>()?.unbind();
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
    fn __exit__(&self, _raised: &Bound<'_, PyTuple>) -> PyResult<()> {
        let mut state = self.state();
        if let Some(begun) = state.begun.take() {
            state.timer.get().recording()?.observe_since(begun);
        }
        Ok(())
    }

    /// A function that is measured at each call: until it returns or raises, a coroutine until it is
    /// done, a generator until it is exhausted.
    fn __call__<'py>(&self, py: Python<'py>, function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let timer = self.state().timer.clone_ref(py);
        let time = timer.bind(py).getattr("time")?;
        py.import("ictus._around")?.getattr("each_call")?.call1((time, function))
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
