//! The class `Registry`, which creates, records and reads metrics.

use std::path::{Path, PathBuf};

use ictus::{Options, observe::MetricHandle};
use ictus_exporter::{Escaping, Query, Source};
use pyo3::{
    PyClass,
    prelude::*,
    types::{PyBytes, PyDict, PyTuple},
};

use super::{
    counter::Counter,
    gauge::Gauge,
    labelled::{Labelled, strs},
    options::{self, Given},
    timer::Timer,
};
use crate::{
    arguments, convert, log,
    reading::{
        directory::{FamilyTuple, families},
        snapshot::Snapshot,
    },
};

/// Where metrics are recorded: this process's memory, or a directory that processes share.
///
/// ``directory`` is created where it is missing; without it, metrics stay in this process's memory. A timer's
/// window has the newest ``window`` observations (default 1,000), none older than ``max_age`` seconds;
/// ``buckets`` are its histogram's upper bounds, and an empty sequence means no histogram. A family has at
/// most ``max_series`` series (default 1,000); further label sets share one series whose label values are
/// ``ictus_overflow``. A series that no process updates for ``expire_after`` seconds is removed. ``group`` is
/// the number of a group of users that may share the directory. With ``utf8_names``, names of metrics and
/// labels may have any characters; clients that take no others get underscores in their place.
/// ``ICTUS_WINDOW`` and ``ICTUS_MAX_SERIES`` apply where the arguments are not given.
///
/// Raises ``OSError`` where the directory cannot be used, and ``ValueError`` for options out of range. A
/// forked child records in the same directory, on its own.
#[pyclass(frozen, dict, weakref, module = "ictus")]
pub(crate) struct Registry {
    pub(crate) core: ictus::Registry,
    options: Options,
    /// The metrics by their names: who asks for one again gets the same object.
    metrics: Py<PyDict>,
}

#[pymethods]
impl Registry {
    #[new]
    #[pyo3(signature = (directory=None, *, window=None, max_age=None, expire_after=None, max_series=None, buckets=None, group=None, utf8_names=false))]
    #[expect(clippy::too_many_arguments, reason = "keywords, in Python")]
    fn new<'py>(
        py: Python<'py>,
        directory: Option<PathBuf>,
        window: Option<&Bound<'py, PyAny>>,
        max_age: Option<f64>,
        expire_after: Option<f64>,
        max_series: Option<&Bound<'py, PyAny>>,
        buckets: Option<&Bound<'py, PyAny>>,
        group: Option<&Bound<'py, PyAny>>,
        utf8_names: bool,
    ) -> PyResult<Registry> {
        log::keep(py);
        let given = Given::from_arguments(window, max_age, expire_after, max_series, buckets)?;
        let mut options = given.over(options::of_environment()?)?;
        let group = arguments::whole("group", group, 0, u32::MAX - 1)?;
        options = group.into_iter().fold(options, Options::group).utf8_names(utf8_names);
        let core = match &directory {
            Some(directory) => ictus::Registry::open_with(directory, options.clone()),
            None => options.check().map(|()| ictus::Registry::with_options(options.clone())),
        };
        let core = core.map_err(|refused| convert::error(&refused))?;
        log::deliver(py)?;
        Ok(Registry { core, options, metrics: PyDict::new(py).unbind() })
    }

    /// The directory, or None for a registry in memory.
    #[getter]
    fn directory(&self) -> Option<PathBuf> {
        self.core.directory().map(Path::to_owned)
    }

    /// Returns a counter; the existing one where name, kind and labels are the same.
    ///
    /// ``_total`` at the end of ``name`` is left out, since formats add it; look-ups take both spellings.
    /// ``help`` is shown with the metric, and ``labels`` are the label names. Raises ``ValueError`` for names
    /// that Prometheus does not accept, and where a family of that name exists with another kind.
    #[pyo3(signature = (name, help="", labels=None), text_signature = "($self, name, help='', labels=())")]
    fn counter<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        help: &str,
        labels: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Counter>> {
        let labels = label_names(labels)?;
        let name = ictus::catalog::counter_name(name);
        let family = self.core.counter(name, help, &strs(&labels));
        self.known(py, family, name, labels, Counter::new)
    }

    /// Returns a gauge, shown as the sum over live processes; the existing one where it is the same.
    ///
    /// Arguments and errors are those of ``counter``.
    #[pyo3(signature = (name, help="", labels=None), text_signature = "($self, name, help='', labels=())")]
    fn gauge<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        help: &str,
        labels: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Gauge>> {
        let labels = label_names(labels)?;
        let family = self.core.gauge(name, help, &strs(&labels));
        self.known(py, family, name, labels, Gauge::new)
    }

    /// Returns a timer of durations in seconds; the existing one where it is the same.
    ///
    /// ``name``, ``help``, ``labels`` and errors are those of ``counter``. The options are those of
    /// ``Registry``, for this timer alone: ``window`` and ``max_age`` of the window, ``expire_after`` and
    /// ``max_series`` of the series, ``buckets`` of the histogram.
    #[pyo3(
        signature = (
            name, help="", labels=None, *,
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
        labels: Option<&Bound<'py, PyAny>>,
        window: Option<&Bound<'py, PyAny>>,
        max_age: Option<f64>,
        expire_after: Option<f64>,
        max_series: Option<&Bound<'py, PyAny>>,
        buckets: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Timer>> {
        let given = Given::from_arguments(window, max_age, expire_after, max_series, buckets)?;
        let options = given.over(self.options.clone())?;
        let labels = label_names(labels)?;
        let family = self.core.timer_with(name, help, &strs(&labels), &options);
        self.known(py, family, name, labels, Timer::new)
    }

    /// Returns what was recorded: here, or in the directory by all of its processes, living and dead.
    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        let snapshot = py.detach(|| self.core.snapshot());
        log::deliver(py)?;
        snapshot.map(Snapshot::new).map_err(|refused| convert::error(&refused))
    }

    /// Returns the exposition as bytes: ``text``, ``openmetrics`` or ``protobuf``.
    ///
    /// ``surfaces`` names the sets of names that Conductor's metrics are shown under. ``native`` adds native
    /// histograms to protobuf. ``utf8_names`` shows names of any characters as they are, in quotes, for
    /// clients that ask for ``escaping=allow-utf-8``. ``ictus.content_type`` returns the format's content
    /// type.
    #[pyo3(signature = (format="text", *, surfaces=None, native=false, utf8_names=false))]
    fn render<'py>(
        &self,
        py: Python<'py>,
        format: &str,
        surfaces: Option<Bound<'_, PyAny>>,
        native: bool,
        utf8_names: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let view = convert::view_of(surfaces.as_ref(), false)?;
        let escaping = if utf8_names { Escaping::Utf8 } else { Escaping::Unstated };
        let mut query = Query::from(&view);
        (query.format, query.native, query.escaping) = (convert::format(format)?, native, escaping);
        let source = Source::from_registry(self.core.clone());
        let rendered = py.detach(|| source.render(&query));
        log::deliver(py)?;
        let rendered = rendered.map_err(|refused| convert::sink_error(&refused))?;
        Ok(PyBytes::new(py, rendered.bytes()))
    }

    /// Removes series that no process has updated for ``seconds``; returns how many of this process.
    fn remove_idle(&self, py: Python<'_>, seconds: f64) -> PyResult<usize> {
        let idle = options::seconds("seconds", seconds)?;
        py.detach(|| self.core.remove_idle(idle)).map_err(|refused| convert::error(&refused))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<ictus.Registry directory={}>", convert::path_repr(py, self.core.directory())?))
    }

    /// Returns the object itself: a copy records in the same place.
    fn __copy__<'py>(slf: Bound<'py, Registry>) -> Bound<'py, Registry> {
        slf
    }

    /// Returns the object itself, as `copy.copy` does.
    fn __deepcopy__<'py>(slf: Bound<'py, Registry>, _memo: &Bound<'_, PyAny>) -> Bound<'py, Registry> {
        slf
    }

    /// `(name, help, type, [(sample name, labels, value)])` of each family: for bridges.
    fn _families<'py>(&self, py: Python<'py>) -> PyResult<Vec<FamilyTuple<'py>>> {
        let view = convert::view(None, false)?;
        let shown =
            py.detach(|| self.core.snapshot().map(|all| ictus::surface::Exposition::new(&all, &view)));
        families(py, &shown.map_err(|refused| convert::error(&refused))?)
    }
}

fn label_names(given: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<String>> {
    given.map_or_else(|| Ok(Vec::new()), |names| arguments::strings("labels", names))
}

impl Registry {
    fn known<'py, H: MetricHandle, C: PyClass>(
        &self,
        py: Python<'py>,
        family: ictus::Result<ictus::Family<H>>,
        name: &str,
        labels: Vec<String>,
        make: impl FnOnce(Python<'py>, Labelled<H>) -> PyResult<Bound<'py, C>>,
    ) -> PyResult<Bound<'py, C>> {
        let family = family.map_err(|refused| convert::error(&refused))?;
        log::deliver(py)?;
        let metrics = self.metrics.bind(py);
        // Families of one name may have different labels. The same labels in another order mean the
        // same family, but the values then come in that order.
        let key: Vec<&str> = std::iter::once(name).chain(labels.iter().map(String::as_str)).collect();
        let key = PyTuple::new(py, key)?;
        if let Some(known) = metrics.get_item(&key)? {
            // The object has the requested class: otherwise the core would have refused the family.
            return Ok(known.cast_into::<C>()?);
        }
        let labelled = Labelled::new(py, family, name.to_owned(), labels, self.directory());
        let made = make(py, labelled)?;
        metrics.set_item(key, &made)?;
        Ok(made)
    }
}
