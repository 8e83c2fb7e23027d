//! The classes `Snapshot` and `Family`: plain data of one instant, as Python objects that share one
//! snapshot.

use std::sync::Arc;

use ictus::snapshot::{self, Health, Value};
use pyo3::{
    IntoPyObjectExt,
    exceptions::PyTypeError,
    prelude::*,
    types::{IntoPyDict, PyDict, PyString, PyTuple},
};

use super::timing::Timing;
use crate::label;

/// All families at one instant, with the data of all threads and processes.
#[pyclass(frozen, module = "ictus")]
pub(crate) struct Snapshot(Arc<ictus::Snapshot>);

/// All series of one metric at one instant.
#[pyclass(frozen, module = "ictus")]
pub(crate) struct Family {
    snapshot: Arc<ictus::Snapshot>,
    index: usize,
}

#[pymethods]
impl Snapshot {
    /// The families, sorted by name.
    #[getter]
    fn families(&self) -> Vec<Family> {
        (0..self.0.families.len()).map(|index| Family { snapshot: Arc::clone(&self.0), index }).collect()
    }

    /// Returns the family of that name, or None. A counter's name may end with ``_total``.
    #[pyo3(signature = (name, /))]
    fn family(&self, name: &str) -> Option<Family> {
        let index = self.0.position(name)?;
        Some(Family { snapshot: Arc::clone(&self.0), index })
    }

    /// Returns the value of a series of a counter or gauge, or None if nothing was recorded.
    ///
    /// Raises ``TypeError`` for a timer, and if the labels are not those of the family.
    #[pyo3(signature = (name, /, **labels))]
    fn value(&self, name: &str, labels: Option<&Bound<'_, PyDict>>) -> PyResult<Option<f64>> {
        match self.find(name, labels)? {
            None => Ok(None),
            Some(Value::Counter(value) | Value::Gauge(value)) => Ok(Some(*value)),
            Some(Value::Timer(_)) => {
                Err(PyTypeError::new_err(format!("{name} is a timer: call timing() for its values")))
            }
            Some(_) => Err(PyTypeError::new_err(format!(
                "{name} has no single value: this version of Ictus cannot read its type"
            ))),
        }
    }

    /// Returns the data of a timer's series, or None if nothing was recorded.
    ///
    /// Raises ``TypeError`` if the family is no timer, and if the labels are not those of the family.
    #[pyo3(signature = (name, /, **labels))]
    fn timing(&self, name: &str, labels: Option<&Bound<'_, PyDict>>) -> PyResult<Option<Timing>> {
        match self.find(name, labels)? {
            None => Ok(None),
            Some(Value::Timer(timing)) => Ok(Some(Timing::new(timing.clone()))),
            Some(_) => {
                Err(PyTypeError::new_err(format!("{name} is not a timer: call value() for its value")))
            }
        }
    }

    /// Counts by name: segments and bytes of the directory, and rejected observations.
    #[getter]
    fn health<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Health {
            live_segments, dead_segments, bad_segments, unread_lanes, bytes, saturated_sums, ..
        } = self.0.health;
        let counters = &self.0.health.counts;
        let numbers = [
            ("segments_live", live_segments),
            ("segments_dead", dead_segments),
            ("segments_bad", bad_segments),
            ("lanes_unread", unread_lanes),
            ("lanes_process_local", counters.process_local_lanes),
            ("segment_files_removed", counters.removed_files),
            ("descriptors_closed", counters.closed_descriptors),
            ("directory_bytes", bytes),
            ("observations_rejected_nan", counters.nan),
            ("observations_rejected_negative", counters.negative),
            ("observations_rejected_too_large", counters.too_large),
            ("observations_rejected_reentered", counters.reentered),
            ("observations_rejected_no_memory", counters.no_memory),
            ("observations_rejected_removed", counters.removed),
            ("observations_rejected_unlabelled", counters.unlabelled),
            ("observations_rejected_label_too_long", counters.label_too_long),
            ("exemplars_rejected", counters.exemplars),
            ("series_overflowed", counters.overflowed),
            ("windows_truncated", counters.truncated_windows),
            ("sums_saturated", saturated_sums),
        ];
        numbers.into_py_dict(py)
    }

    fn __repr__(&self) -> String {
        format!("<ictus.Snapshot families={}>", self.0.families.len())
    }
}

impl Snapshot {
    pub(crate) fn new(snapshot: ictus::Snapshot) -> Snapshot {
        Snapshot(Arc::new(snapshot))
    }
}

#[pymethods]
impl Family {
    /// The recorded name. The name of a counter has no ``_total``.
    #[getter]
    fn name(&self) -> &str {
        &self.family().name
    }

    /// The help text.
    #[getter]
    fn help(&self) -> &str {
        &self.family().help
    }

    /// ``counter``, ``gauge`` or ``timer``.
    #[getter]
    fn kind(&self) -> &'static str {
        self.family().kind.as_str()
    }

    /// The unit of a timer's observations: ``seconds`` or ``bytes``; empty for other kinds.
    #[getter]
    fn unit(&self) -> &'static str {
        self.family().unit.as_str().unwrap_or_default()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (name, labels) =
            (PyString::new(py, self.name()).repr()?, PyTuple::new(py, self.label_names())?.repr()?);
        let (kind, series) = (self.kind(), self.family().series.len());
        Ok(format!("<ictus.Family name={name} kind='{kind}' labels={labels} series={series}>"))
    }

    /// The label names, in recorded order.
    #[getter]
    fn label_names(&self) -> Vec<String> {
        self.family().label_names.clone()
    }

    /// A list of pairs: the label values of a series, and its number or, for a timer, its ``Timing``.
    #[getter]
    fn series<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyTuple>, Bound<'py, PyAny>)>> {
        let series = self.family().series.iter();
        series
            .map(|series| {
                let value = match &series.value {
                    Value::Counter(value) | Value::Gauge(value) => value.into_bound_py_any(py)?,
                    Value::Timer(timing) => Timing::new(timing.clone()).into_bound_py_any(py)?,
                    _ => py.None().into_bound(py),
                };
                Ok((PyTuple::new(py, series.labels.iter())?, value))
            })
            .collect()
    }
}

impl Family {
    fn family(&self) -> &snapshot::Family {
        &self.snapshot.families[self.index]
    }
}

impl Snapshot {
    /// Returns the value of a series, or `None` if no family has that name or the series does not
    /// exist.
    ///
    /// # Errors
    ///
    /// `TypeError` if families of that name exist but none has these labels.
    fn find(&self, name: &str, labels: Option<&Bound<'_, PyDict>>) -> PyResult<Option<&Value>> {
        let families = self.0.families_named(name);
        let Some(first) = families.first() else { return Ok(None) };
        let given = labels.map_or(0, PyDictMethods::len);
        for family in families.iter().filter(|family| family.label_names.len() == given) {
            let Some(labels) = labels else { return Ok(family.get(&[])) };
            let values = family.label_names.iter().map(|name| labels.get_item(name));
            let Some(values) = values.collect::<PyResult<Option<Vec<_>>>>()? else { continue };
            let values = values.iter().map(|value| PyResult::Ok(label::text(value)?.into_owned()));
            let values: Vec<String> = values.collect::<PyResult<_>>()?;
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            return Ok(family.get(&values));
        }
        let labels = first.label_names.join(", ");
        Err(PyTypeError::new_err(format!("{name} has the labels ({labels}): give a value for each of them")))
    }
}
