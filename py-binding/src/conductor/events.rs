//! The choice between the native form of an event handler and the SDK's own handler.
//!
//! The SDK's handlers call recording methods on the collector, and a program may override any of
//! them. A native handler calls none. It is therefore used only if each of these methods is the
//! native one:
//!
//! - `ictus.conductor.events` decides this for a class. The decision is repeated when a class of a
//!   collector changes: the classes report changes, and the number of attributes reveals a change
//!   that was not reported.
//! - The attributes of the collector itself are checked at each event.
//!
//! The SDK's handler must also be one that the native handlers were written for. It is looked up at
//! each event, because a program may replace it in the SDK's class.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use pyo3::{
    PyTraverseError, PyVisit, intern,
    prelude::*,
    types::{PyDict, PyString, PySuper},
};

use super::{
    collector::Collector,
    event_records::{Event, NotRecorded},
};
use crate::label;

/// The events that have a native handler.
#[derive(Clone, Copy)]
pub(super) enum EventKind {
    PollCompleted,
    PollFailure,
    ExecutionStarted,
    ExecutionCompleted,
    ExecutionFailure,
}

/// The names of the handlers, in the order of [`EventKind`].
const HANDLERS: [&str; 5] = [
    "on_poll_completed",
    "on_poll_failure",
    "on_task_execution_started",
    "on_task_execution_completed",
    "on_task_execution_failure",
];

/// The number of reported changes of classes, plus one: no decision has been made at change 0.
static CHANGES: AtomicU64 = AtomicU64::new(1);

/// Makes every collector decide again, at its next event, which handlers are native.
pub(super) fn note_class_change() {
    CHANGES.fetch_add(1, Relaxed);
}

/// The decisions of one collector. All fields are read and written with the GIL held.
#[derive(Default)]
pub(super) struct EventHandlers {
    /// The number of changes at the decision.
    changes: AtomicU64,
    /// One bit per native handler.
    natives: AtomicU32,
    /// The number of attributes of the collector's classes at the decision.
    class_attributes: AtomicUsize,
    sdk: OnceLock<SdkHandlers>,
}

/// The classes of a collector and the handlers of its SDK class.
struct SdkHandlers {
    /// The address of the collector's class, for comparison only: the class exists while it has
    /// instances.
    collector_class: usize,
    /// The attributes of the collector.
    attributes: Py<PyDict>,
    /// The namespaces of the classes that a program may change unnoticed.
    namespaces: Vec<Py<PyAny>>,
    class: Py<PyAny>,
    handlers: [Option<SdkHandler>; HANDLERS.len()],
}

/// One of the SDK's handlers that has a native form.
struct SdkHandler {
    function: Py<PyAny>,
    /// The recording methods that it calls.
    methods: Vec<Py<PyString>>,
    counts_workers: bool,
    /// Whether a class of the collector overrides one of these methods, or might do so unnoticed.
    calls_override_of_class: bool,
}

/// Handles an event natively if possible, and otherwise by the SDK's handler.
#[inline]
pub(super) fn handle<'py>(
    collector: &Bound<'py, Collector>,
    event: &Bound<'py, PyAny>,
    kind: EventKind,
    name: &Bound<'py, PyString>,
) -> PyResult<()> {
    let handlers = &collector.get().events;
    let Some((sdk, handler)) = handlers.known(collector, kind)? else {
        return call_next(collector, event, name);
    };
    let py = collector.py();
    let is_sdks = sdk.class.bind(py).getattr(name).is_ok_and(|function| function.is(&handler.function));
    if !is_sdks {
        return call_next(collector, event, name);
    }
    let attributes = sdk.attributes.bind(py);
    if handlers.natives.load(Relaxed) & kind.bit() != 0 && !handler.calls_override(attributes)? {
        let counts = handler.counts_workers.then_some(attributes);
        match Event::new(collector.get(), event, counts).record(kind) {
            Ok(()) => return Ok(()),
            Err(NotRecorded::Raised(raised)) => return Err(raised),
            Err(NotRecorded::Unusual) => {}
        }
    }
    handler.function.bind(py).call1((collector, event)).map(drop)
}

/// Calls the handler that follows the native class in the order of resolution.
#[cold]
fn call_next<'py>(
    collector: &Bound<'py, Collector>,
    event: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<()> {
    let next = PySuper::new(&collector.py().get_type::<Collector>(), collector.as_any())?;
    next.call_method1(name, (event,)).map(drop)
}

impl EventKind {
    fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl EventHandlers {
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.sdk.get().map_or(Ok(()), |sdk| sdk.traverse(visit))
    }

    /// Returns the SDK's handler if it has a native form, after a decision that is up to date.
    #[inline]
    fn known(
        &self,
        collector: &Bound<'_, Collector>,
        kind: EventKind,
    ) -> PyResult<Option<(&SdkHandlers, &SdkHandler)>> {
        let py = collector.py();
        let is_current = self.changes.load(Relaxed) == CHANGES.load(Relaxed);
        match self.sdk.get() {
            Some(sdk) if is_current && self.class_attributes.load(Relaxed) == sdk.class_attributes(py)? => {}
            _ => self.decide(collector)?,
        }
        let class = collector.get_type_ptr().addr();
        let sdk = self.sdk.get().filter(|sdk| sdk.collector_class == class);
        Ok(sdk.and_then(|sdk| Some((sdk, sdk.handlers[kind as usize].as_ref()?))))
    }

    #[cold]
    fn decide(&self, collector: &Bound<'_, Collector>) -> PyResult<()> {
        let py = collector.py();
        // Read before the classes, so that a later change leads to another decision.
        let changes = CHANGES.load(Relaxed);
        let current =
            SdkHandlers::find(collector).and_then(|current| Ok((current.class_attributes(py)?, current)));
        let mut natives = 0;
        if let Some((class_attributes, current)) =
            label::recover_from_exception(py, current.map(Some), || None)?
        {
            let accepted = self.sdk.get().unwrap_or(&current);
            let is_same = accepted.attributes.is(&current.attributes);
            for (index, handlers) in accepted.handlers.iter().zip(&current.handlers).enumerate() {
                if let (Some(accepted), Some(current)) = handlers
                    && is_same
                    && !current.calls_override_of_class
                    && accepted.function.is(&current.function)
                {
                    natives |= 1 << index;
                }
            }
            self.class_attributes.store(class_attributes, Relaxed);
            let _ = self.sdk.set(current);
        }
        self.natives.store(natives, Relaxed);
        self.changes.store(changes, Relaxed);
        Ok(())
    }
}

impl SdkHandlers {
    /// Visits the objects for Python's garbage collector: the collector's attributes may refer to the
    /// collector.
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.attributes)?;
        visit.call(&self.class)?;
        self.namespaces.iter().try_for_each(|namespace| visit.call(namespace))?;
        self.handlers.iter().flatten().try_for_each(|handler| visit.call(&handler.function))
    }

    /// Asks `ictus.conductor.events`.
    fn find(collector: &Bound<'_, Collector>) -> PyResult<SdkHandlers> {
        type Found<'py> = (Vec<Py<PyAny>>, Py<PyAny>, Bound<'py, PyDict>);
        let py = collector.py();
        let answer = collector.call_method0(intern!(py, "_native_handlers"))?;
        let (namespaces, class, by_name): Found<'_> = answer.extract()?;
        let mut handlers: [Option<SdkHandler>; HANDLERS.len()] = Default::default();
        for (handler, name) in handlers.iter_mut().zip(HANDLERS) {
            if let Some(parts) = by_name.get_item(name)? {
                let (function, methods, counts_workers, calls_override_of_class) = parts.extract()?;
                *handler = Some(SdkHandler { function, methods, counts_workers, calls_override_of_class });
            }
        }
        let attributes = collector.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?.unbind();
        let collector_class = collector.get_type_ptr().addr();
        Ok(SdkHandlers { collector_class, attributes, namespaces, class, handlers })
    }

    /// Returns the number of attributes of the collector's classes.
    fn class_attributes(&self, py: Python<'_>) -> PyResult<usize> {
        self.namespaces.iter().map(|namespace| namespace.bind(py).len()).sum()
    }
}

impl SdkHandler {
    /// Whether the collector has an attribute with the name of a method that the handler calls.
    #[inline]
    fn calls_override(&self, attributes: &Bound<'_, PyDict>) -> PyResult<bool> {
        for method in &self.methods {
            if attributes.contains(method.bind(attributes.py()))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
