//! A registry: where metrics are made, recorded and read.

use std::path::{Path, PathBuf};

use ictus::{Options, observe::Metric};
use ictus_exporter::{Query, Source};
use pyo3::{
    PyClass,
    prelude::*,
    types::{PyBytes, PyDict},
};

use super::{
    counter::Counter,
    gauge::Gauge,
    labelled::{Labelled, strs},
    options::{self, Given},
    timer::Timer,
};
use crate::{
    convert, log,
    reading::{
        directory::{Family, families},
        snapshot::Snapshot,
    },
};

/// Where metrics are recorded: this process's memory, or a directory that processes share.
#[pyclass(frozen, module = "ictus")]
pub(crate) struct Registry {
    pub(crate) core: ictus::Registry,
    options: Options,
    /// The metrics by their names: who asks for one again gets the same object.
    metrics: Py<PyDict>,
}

#[pymethods]
impl Registry {
    #[new]
    #[pyo3(signature = (directory=None, *, window=None, max_age=None, expire_after=None, max_series=None, buckets=None, group=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords, in Python")]
    fn new(
        py: Python<'_>,
        directory: Option<PathBuf>,
        window: Option<u32>,
        max_age: Option<f64>,
        expire_after: Option<f64>,
        max_series: Option<u32>,
        buckets: Option<Vec<f64>>,
        group: Option<u32>,
    ) -> PyResult<Registry> {
        log::keep();
        let given = Given { window, max_age, expire_after, max_series, buckets };
        let mut options = given.over(options::of_environment()?)?;
        options = group.into_iter().fold(options, Options::group);
        let core = match &directory {
            Some(directory) => ictus::Registry::open_with(directory, options.clone()),
            None => options.check().map(|()| ictus::Registry::with_options(options.clone())),
        };
        let core = core.map_err(|refused| convert::error(&refused))?;
        log::deliver(py);
        Ok(Registry { core, options, metrics: PyDict::new(py).unbind() })
    }

    /// The directory, or None for a registry in memory.
    #[getter]
    fn directory(&self) -> Option<PathBuf> {
        self.core.directory().map(Path::to_owned)
    }

    /// A counter; the one that exists where the name, kind and labels are the same.
    #[pyo3(signature = (name, help="", labels=Vec::new()), text_signature = "($self, name, help='', labels=())")]
    fn counter<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        help: &str,
        labels: Vec<String>,
    ) -> PyResult<Bound<'py, Counter>> {
        // Formats add it.
        let name = name.strip_suffix("_total").unwrap_or(name);
        let family = self.core.counter(name, help, &strs(&labels));
        self.known(py, family, name, labels, Counter::new)
    }

    /// A gauge, summed over live processes; the one that exists where the name, kind and labels are the
    /// same.
    #[pyo3(signature = (name, help="", labels=Vec::new()), text_signature = "($self, name, help='', labels=())")]
    fn gauge<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        help: &str,
        labels: Vec<String>,
    ) -> PyResult<Bound<'py, Gauge>> {
        let family = self.core.gauge(name, help, &strs(&labels));
        self.known(py, family, name, labels, Gauge::new)
    }

    /// A timer of durations in seconds; the one that exists where the name, kind and labels are the same.
    #[pyo3(
        signature = (
            name, help="", labels=Vec::new(), *,
            window=None, max_age=None, expire_after=None, max_series=None, buckets=None
        ),
        text_signature = "($self, name, help='', labels=(), *, window=None, max_age=None, \
            expire_after=None, max_series=None, buckets=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keywords, in Python")]
    fn timer<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        help: &str,
        labels: Vec<String>,
        window: Option<u32>,
        max_age: Option<f64>,
        expire_after: Option<f64>,
        max_series: Option<u32>,
        buckets: Option<Vec<f64>>,
    ) -> PyResult<Bound<'py, Timer>> {
        let given = Given { window, max_age, expire_after, max_series, buckets };
        let options = given.over(self.options.clone())?;
        let family = self.core.timer_with(name, help, &strs(&labels), &options);
        self.known(py, family, name, labels, Timer::new)
    }

    /// What was recorded: here, or in the directory by all of its processes.
    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        let snapshot = py.detach(|| self.core.snapshot());
        log::deliver(py);
        snapshot.map(Snapshot::new).map_err(|refused| convert::error(&refused))
    }

    /// The exposition, as bytes in that format.
    #[pyo3(signature = (format="text", *, surfaces=None, native=false))]
    fn render<'py>(
        &self,
        py: Python<'py>,
        format: &str,
        surfaces: Option<Vec<String>>,
        native: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let view = convert::view(surfaces.as_deref(), false)?;
        let query = Query { format: convert::format(format)?, native, ..Query::from(&view) };
        let source = Source::from_registry(self.core.clone());
        let rendered = py.detach(|| source.render(&query));
        log::deliver(py);
        let rendered = rendered.map_err(|refused| convert::sink_error(&refused))?;
        Ok(PyBytes::new(py, rendered.bytes()))
    }

    /// Removes the series that no process of the directory has moved for that many seconds; gives how
    /// many of this process that were.
    fn remove_idle(&self, py: Python<'_>, seconds: f64) -> PyResult<usize> {
        let idle = options::seconds("seconds", seconds)?;
        py.detach(|| self.core.remove_idle(idle)).map_err(|refused| convert::error(&refused))
    }

    /// `(name, help, type, [(sample name, labels, value)])` of each family: for bridges.
    fn _families<'py>(&self, py: Python<'py>) -> PyResult<Vec<Family<'py>>> {
        let view = convert::view(None, false)?;
        let shown =
            py.detach(|| self.core.snapshot().map(|all| ictus::surface::Exposition::new(&all, &view)));
        families(py, &shown.map_err(|refused| convert::error(&refused))?)
    }
}

impl Registry {
    fn known<'py, H: Metric, C: PyClass>(
        &self,
        py: Python<'py>,
        family: ictus::Result<ictus::Family<H>>,
        name: &str,
        labels: Vec<String>,
        make: impl FnOnce(Python<'py>, Labelled<H>) -> PyResult<Bound<'py, C>>,
    ) -> PyResult<Bound<'py, C>> {
        let family = family.map_err(|refused| convert::error(&refused))?;
        log::deliver(py);
        let metrics = self.metrics.bind(py);
        if let Some(known) = metrics.get_item(name)? {
            // Of that kind: the core has said so.
            return Ok(known.cast_into::<C>()?);
        }
        let made = make(py, Labelled::new(py, family, name.to_owned(), labels))?;
        metrics.set_item(name, &made)?;
        Ok(made)
    }
}
