//! The class `Registry`, which creates, records and reads metrics.

use std::path::{Path, PathBuf};

use ictus::{FamilyOptions, RegistryOptions, observe::MetricHandle};
use ictus_exporter::{Escaping, Query, Source};
use pyo3::{
    PyClass,
    prelude::*,
    types::{PyBytes, PyDict, PyTuple},
};

use super::{
    counter::Counter,
    gauge::Gauge,
    labelled_family::{LabelledFamily, as_strs},
    options::{self, OptionOverrides},
    timer::Timer,
};
use crate::{
    arguments, convert, log,
    reading::{
        directory::{FamilyTuple, families},
        snapshot::Snapshot,
    },
};

/// Creates, records and reads metrics, in memory or in a directory that processes share.
///
/// ``directory`` is created if it does not exist. Without it, metrics stay in the memory of this
/// process. The window of a timer has its ``window`` newest observations, by default 1,000, none older
/// than ``max_age`` seconds. ``buckets`` are the upper bounds of its histogram, in seconds; an empty
/// sequence disables it. A family has at most ``max_series`` series, by default 1,000. Further label
/// sets share one series, whose label values are ``ictus_overflow``. A series that no process updates
/// for ``expire_after`` seconds is removed. ``group`` is the id of the Unix group that may share the
/// directory. With ``utf8_names``, names of metrics and labels may contain any characters; clients that
/// do not support them get underscores instead. If an argument is not given, ``ICTUS_WINDOW`` and
/// ``ICTUS_MAX_SERIES`` apply.
///
/// A forked child records separately, in the same directory. Raises ``OSError`` if the directory cannot
/// be used, ``ValueError`` for an option out of range, and ``TypeError`` for an option of another type.
#[pyclass(frozen, dict, weakref, module = "ictus")]
pub(crate) struct Registry {
    pub(crate) core: ictus::Registry,
    /// The options of its families, which those of a timer override.
    families: FamilyOptions,
    /// The metrics by their names. A repeated request returns the same object.
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
        log::install(py);
        let overrides = OptionOverrides::from_arguments(window, max_age, expire_after, max_series, buckets)?;
        let families = overrides.apply_to(options::from_environment()?)?;
        let group = arguments::whole_number("group", group, 0, u32::MAX - 1)?;
        let options = RegistryOptions::default().families(families.clone()).utf8_names(utf8_names);
        let options = group.into_iter().fold(options, RegistryOptions::group);
        let core = match &directory {
            Some(directory) => ictus::Registry::open_with(directory, options),
            None => options.validate().map(|()| ictus::Registry::with_options(options)),
        };
        let core = core.map_err(|cause| convert::error(&cause))?;
        log::flush(py)?;
        Ok(Registry { core, families, metrics: PyDict::new(py).unbind() })
    }

    /// The directory, or None for a registry in memory.
    #[getter]
    fn directory(&self) -> Option<PathBuf> {
        self.core.directory().map(Path::to_owned)
    }

    /// Returns the counter with this name and these labels. Creates it if it does not exist.
    ///
    /// A ``_total`` at the end of ``name`` is removed, because the formats add it. Readers accept the name
    /// with and without it. ``help`` is the help text, and ``labels`` are the label names. Raises
    /// ``ValueError`` for a name that Prometheus does not accept, and if a family of that name has another
    /// kind.
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
        let family = self.core.counter(name, help, &as_strs(&labels));
        self.get_or_create(py, family, name, labels, Counter::new)
    }

    /// Returns the gauge with this name and these labels. Creates it if it does not exist.
    ///
    /// Its value is the sum over the running processes. Arguments and errors are those of ``counter``.
    #[pyo3(signature = (name, help="", labels=None), text_signature = "($self, name, help='', labels=())")]
    fn gauge<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        help: &str,
        labels: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Gauge>> {
        let labels = label_names(labels)?;
        let family = self.core.gauge(name, help, &as_strs(&labels));
        self.get_or_create(py, family, name, labels, Gauge::new)
    }

    /// Returns the timer with this name and these labels. Creates it if it does not exist.
    ///
    /// A timer records durations in seconds. ``name``, ``help``, ``labels`` and errors are those of
    /// ``counter``. The other arguments override the registry's options for this timer: ``window`` in
    /// observations, ``max_age`` and ``expire_after`` in seconds, ``max_series``, and ``buckets`` in
    /// seconds.
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
        let overrides = OptionOverrides::from_arguments(window, max_age, expire_after, max_series, buckets)?;
        let options = overrides.apply_to(self.families.clone())?;
        let labels = label_names(labels)?;
        let family = self.core.timer_with(name, help, &as_strs(&labels), &options);
        self.get_or_create(py, family, name, labels, Timer::new)
    }

    /// Returns the recorded data of this process, or of all processes of the directory.
    ///
    /// Raises ``OSError`` if the directory cannot be read.
    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        let snapshot = py.detach(|| self.core.snapshot());
        log::flush(py)?;
        snapshot.map(Snapshot::new).map_err(|cause| convert::error(&cause))
    }

    /// Returns the metrics as bytes in the format ``text``, ``openmetrics`` or ``protobuf``.
    ///
    /// ``surfaces`` selects the names of Conductor's metrics: ``legacy``, ``documented`` or ``canonical``.
    /// ``native`` adds native histograms to protobuf. ``utf8_names`` writes names with any characters
    /// unchanged, in quotes, for clients that request ``escaping=allow-utf-8``. ``ictus.content_type``
    /// returns the content type of a format. Raises ``OSError`` if the directory cannot be read, and
    /// ``ValueError`` for an unknown format or surface.
    #[pyo3(signature = (format="text", *, surfaces=None, native=false, utf8_names=false))]
    fn render<'py>(
        &self,
        py: Python<'py>,
        format: &str,
        surfaces: Option<Bound<'_, PyAny>>,
        native: bool,
        utf8_names: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let view = convert::view_from_argument(surfaces.as_ref(), false)?;
        let escaping = if utf8_names { Escaping::Utf8 } else { Escaping::Unstated };
        let mut query = Query::from(&view);
        (query.format, query.native, query.escaping) = (convert::format(format)?, native, escaping);
        let source = Source::from_registry(self.core.clone());
        let rendered = py.detach(|| source.render(&query));
        log::flush(py)?;
        let rendered = rendered.map_err(|cause| convert::exporter_error(&cause))?;
        Ok(PyBytes::new(py, rendered.bytes()))
    }

    /// Removes the series that no process has updated for ``seconds``.
    ///
    /// Returns the number of removed series of this process. Raises ``ValueError`` for a negative number.
    fn remove_idle(&self, py: Python<'_>, seconds: f64) -> PyResult<usize> {
        let idle = options::seconds("seconds", seconds)?;
        py.detach(|| self.core.remove_idle(idle)).map_err(|cause| convert::error(&cause))
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
        let exposition = py.detach(|| {
            self.core.snapshot().map(|snapshot| ictus::surface::Exposition::new(&snapshot, &view))
        });
        families(py, &exposition.map_err(|cause| convert::error(&cause))?)
    }
}

fn label_names(given: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<String>> {
    given.map_or_else(|| Ok(Vec::new()), |names| arguments::strings("labels", names))
}

impl Registry {
    fn get_or_create<'py, H: MetricHandle, C: PyClass>(
        &self,
        py: Python<'py>,
        family: ictus::Result<ictus::Family<H>>,
        name: &str,
        labels: Vec<String>,
        create: impl FnOnce(Python<'py>, LabelledFamily<H>) -> PyResult<Bound<'py, C>>,
    ) -> PyResult<Bound<'py, C>> {
        let family = family.map_err(|cause| convert::error(&cause))?;
        log::flush(py)?;
        let metrics = self.metrics.bind(py);
        // Families of one name may have different labels. The same labels in another order mean the
        // same family, but the values then come in that order.
        let key: Vec<&str> = std::iter::once(name).chain(labels.iter().map(String::as_str)).collect();
        let key = PyTuple::new(py, key)?;
        if let Some(existing) = metrics.get_item(&key)? {
            // The object has the requested class: otherwise the core would have refused the family.
            return Ok(existing.cast_into::<C>()?);
        }
        let family = LabelledFamily::new(py, family, name.to_owned(), labels, self.directory());
        let created = create(py, family)?;
        metrics.set_item(key, &created)?;
        Ok(created)
    }
}
