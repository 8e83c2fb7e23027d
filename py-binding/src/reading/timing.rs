//! The class `Timing`: the totals and the window of a timer's series.

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyBytes, PyMemoryView},
};

use crate::convert::imports;

/// Lifetime totals and the window of newest observations of one series.
#[pyclass(frozen, module = "ictus")]
pub(crate) struct Timing(ictus::snapshot::Timing);

#[pymethods]
impl Timing {
    /// The number of all observations, including those no longer in the window.
    #[getter]
    fn count(&self) -> u64 {
        self.0.count
    }

    /// The sum of all observations, in the family's unit.
    #[getter]
    fn sum(&self) -> f64 {
        self.0.sum
    }

    /// The newest observation, or None if the window is empty.
    #[getter]
    fn last(&self) -> Option<f64> {
        self.0.window.last()
    }

    /// The newest observations, oldest first: a read-only view of doubles for ``numpy.asarray``.
    #[getter]
    fn window<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let values = self.0.window.iter().map(|observation| observation.value);
        let bytes: Vec<u8> = values.flat_map(f64::to_ne_bytes).collect();
        // A memoryview of empty bytes cannot be cast.
        let array = imports(py)?.call_method1("doubles", (PyBytes::new(py, &bytes),))?;
        PyMemoryView::from(&array)?.call_method0("toreadonly")
    }

    /// Returns the exact quantile ``q`` of the window, or None if the window is empty.
    ///
    /// It is interpolated linearly between two values of the sorted window, at the index ``q * (n - 1)``.
    /// Raises ``ValueError`` unless ``q`` is from 0 to 1.
    fn quantile(&self, q: f64) -> PyResult<Option<f64>> {
        if (0.0..=1.0).contains(&q) {
            return Ok(self.0.window.quantile(q));
        }
        Err(PyValueError::new_err(format!("a quantile must be 0 to 1, not {q}")))
    }

    /// Pairs of an upper bound and the number of observations up to it. The last bound is infinite.
    ///
    /// Empty for a timer without a histogram.
    #[getter]
    fn buckets(&self) -> Vec<(f64, u64)> {
        let distribution = &self.0.distribution;
        let bounds = distribution.bounds.iter().copied().chain([f64::INFINITY]);
        let counts = distribution.classic.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        bounds.zip(counts).collect()
    }

    fn __repr__(&self) -> String {
        let quantile = |q| self.0.window.quantile(q).map_or_else(|| "none".to_owned(), |s| format!("{s:.6}"));
        let (count, sum) = (self.0.count, self.0.sum);
        format!("<Timing count={count} sum={sum:.6} p50={} p99={}>", quantile(0.5), quantile(0.99))
    }
}

impl Timing {
    pub(crate) fn new(timing: ictus::snapshot::Timing) -> Timing {
        Timing(timing)
    }
}
