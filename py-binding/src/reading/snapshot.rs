//! What was recorded at one instant, as Python objects over one shared snapshot.

use std::sync::Arc;

use ictus::{
    catalog::{Kind, Unit},
    snapshot::{self, Health, Value},
};
use pyo3::{
    IntoPyObjectExt,
    exceptions::PyTypeError,
    prelude::*,
    types::{IntoPyDict, PyDict, PyTuple},
};

use super::timing::Timing;
use crate::label;

/// Every family at one instant, over all threads and processes.
#[pyclass(frozen, module = "ictus")]
pub(crate) struct Snapshot(Arc<ictus::Snapshot>);

/// All series of one metric at one instant.
#[pyclass(frozen, module = "ictus")]
pub(crate) struct Family {
    snapshot: Arc<ictus::Snapshot>,
    at: usize,
}

#[pymethods]
impl Snapshot {
    /// The families, sorted by name.
    #[getter]
    fn families(&self) -> Vec<Family> {
        (0..self.0.families.len()).map(|at| Family { snapshot: Arc::clone(&self.0), at }).collect()
    }

    /// The family of that name, as it was recorded: a counter's without `_total`.
    #[pyo3(signature = (name, /))]
    fn family(&self, name: &str) -> Option<Family> {
        let at = self.0.families.iter().position(|family| family.name == name)?;
        Some(Family { snapshot: Arc::clone(&self.0), at })
    }

    /// What a counter's or a gauge's series has; None where nothing was recorded.
    #[pyo3(signature = (name, /, **labels))]
    fn value(&self, name: &str, labels: Option<&Bound<'_, PyDict>>) -> PyResult<Option<f64>> {
        let Some(family) = self.family(name) else { return Ok(None) };
        match family.find(labels)? {
            None => Ok(None),
            Some(Value::Counter(value) | Value::Gauge(value)) => Ok(Some(*value)),
            Some(Value::Timer(_)) => {
                Err(PyTypeError::new_err(format!("{name} is a timer: ask for its timing()")))
            }
        }
    }

    /// What a timer's series has; None where nothing was recorded.
    #[pyo3(signature = (name, /, **labels))]
    fn timing(&self, name: &str, labels: Option<&Bound<'_, PyDict>>) -> PyResult<Option<Timing>> {
        let Some(family) = self.family(name) else { return Ok(None) };
        match family.find(labels)? {
            None => Ok(None),
            Some(Value::Timer(timing)) => Ok(Some(Timing::new(timing.clone()))),
            Some(_) => Err(PyTypeError::new_err(format!("{name} is no timer: ask for its value()"))),
        }
    }

    /// What the reader noticed about the directory, and what could not be recorded, by name.
    #[getter]
    fn health<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Health { live_segments, dead_segments, bad_segments, unread_lanes, bytes, .. } = self.0.health;
        let lost = &self.0.health.lost;
        let numbers = [
            ("segments_live", live_segments),
            ("segments_dead", dead_segments),
            ("segments_bad", bad_segments),
            ("lanes_unread", unread_lanes),
            ("lanes_unshared", lost.unshared_lanes),
            ("segment_files_removed", lost.removed_files),
            ("directory_bytes", bytes),
            ("observations_rejected_nan", lost.nan),
            ("observations_rejected_negative", lost.negative),
            ("observations_rejected_too_large", lost.too_large),
            ("observations_rejected_reentered", lost.reentered),
            ("observations_rejected_no_memory", lost.no_memory),
            ("observations_rejected_removed", lost.removed),
            ("exemplars_rejected", lost.exemplars),
            ("series_overflowed", lost.overflowed),
            ("windows_short", lost.short_windows),
        ];
        numbers.into_py_dict(py)
    }
}

impl Snapshot {
    pub(crate) fn new(snapshot: ictus::Snapshot) -> Snapshot {
        Snapshot(Arc::new(snapshot))
    }
}

#[pymethods]
impl Family {
    /// The name it was recorded under.
    #[getter]
    fn name(&self) -> &str {
        &self.family().name
    }

    /// What it means.
    #[getter]
    fn help(&self) -> &str {
        &self.family().help
    }

    /// `counter`, `gauge` or `timer`.
    #[getter]
    fn kind(&self) -> &'static str {
        match self.family().kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Timer => "timer",
        }
    }

    /// What a timer's observations are measured in: `seconds` or `bytes`; else empty.
    #[getter]
    fn unit(&self) -> &'static str {
        match self.family().unit {
            Unit::None => "",
            Unit::Seconds => "seconds",
            Unit::Bytes => "bytes",
        }
    }

    /// The label names, in recorded order.
    #[getter]
    fn label_names(&self) -> Vec<String> {
        self.family().label_names.clone()
    }

    /// Each series' label values and what it holds: a number, or a timer's timing.
    #[getter]
    fn series<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyTuple>, Bound<'py, PyAny>)>> {
        let series = self.family().series.iter();
        series
            .map(|series| {
                let held = match &series.value {
                    Value::Counter(value) | Value::Gauge(value) => value.into_bound_py_any(py)?,
                    Value::Timer(timing) => Timing::new(timing.clone()).into_bound_py_any(py)?,
                };
                Ok((PyTuple::new(py, series.labels.iter())?, held))
            })
            .collect()
    }
}

impl Family {
    fn family(&self) -> &snapshot::Family {
        &self.snapshot.families[self.at]
    }

    fn find(&self, labels: Option<&Bound<'_, PyDict>>) -> PyResult<Option<&Value>> {
        let names = &self.family().label_names;
        let refused = || {
            let (name, labels) = (&self.family().name, names.join(", "));
            PyTypeError::new_err(format!("{name} has the labels ({labels}): give a value for each of them"))
        };
        if labels.map_or(0, PyDictMethods::len) != names.len() {
            return Err(refused());
        }
        let Some(labels) = labels else { return Ok(self.family().get(&[])) };
        let values = names.iter().map(|name| {
            let value = labels.get_item(name)?.ok_or_else(refused)?;
            PyResult::Ok(label::text(&value).into_owned())
        });
        let values: Vec<String> = values.collect::<PyResult<_>>()?;
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        Ok(self.family().get(&values))
    }
}
