//! What the core and the sinks log, kept until Python can be told.
//!
//! They log from threads that never touch Python, and, rarely, while recording. So a record is only
//! kept, and a thread that is in Python anyway passes it on to `logging.getLogger("ictus")`.

use std::{
    collections::VecDeque,
    ffi::{c_int, c_void},
    ptr,
    sync::{
        Mutex, MutexGuard, TryLockError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::{exceptions::PyException, ffi, prelude::*};

use crate::convert::imports;

/// Causes are logged once, so more than this is a fault; the oldest tell most about it.
const MOST: usize = 64;

/// How often a thread that finds the records locked lets others run before it gives up.
const MAX_ATTEMPTS: usize = 1000;

static KEPT: Kept = Kept { records: Mutex::new(VecDeque::new()), is_waiting: AtomicBool::new(false) };

struct Kept {
    /// Held for a moment. Not waited for without a limit: it may be held by another thread at a fork, and
    /// then stays locked in the child, where records are lost.
    records: Mutex<VecDeque<(Level, String)>>,
    /// Whether there are records, so that asking takes no lock.
    is_waiting: AtomicBool,
}

impl Kept {
    fn lock(&self) -> Option<MutexGuard<'_, VecDeque<(Level, String)>>> {
        for _ in 0..MAX_ATTEMPTS {
            match self.records.try_lock() {
                Ok(records) => return Some(records),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => thread::yield_now(),
            }
        }
        None
    }
}

impl Log for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ictus")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = ictus::Printable(record.args()).to_string();
        if let Some(mut records) = self.lock()
            && records.len() < MOST
        {
            records.push_back((record.level(), text));
            self.is_waiting.store(true, Relaxed);
        }
    }

    fn flush(&self) {}
}

/// Keeps what is logged from now on.
pub(crate) fn keep() {
    // Not when the module is loaded: the `ictus` command logs to standard error. Refused where a
    // logger is set already, ours included.
    if log::set_logger(&KEPT).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// Has Python's main thread pass on what was kept, once it is between two bytecodes: for the recording
/// path, which itself runs no Python code.
pub(crate) fn deliver_later(_: Python<'_>) {
    extern "C" fn pending(_: *mut c_void) -> c_int {
        Python::attach(|py| match deliver(py) {
            Ok(()) => 0,
            Err(raised) => {
                raised.restore(py);
                -1
            }
        })
    }
    if KEPT.is_waiting.load(Relaxed) {
        // SAFETY: the token says that the interpreter lives; the function takes no argument, and does not unwind:
        // `deliver` lets no exception out. Where too much is pending already, it is asked for again later.
        let _ = unsafe { ffi::Py_AddPendingCall(Some(pending), ptr::null_mut()) };
    }
}

/// Passes on what was kept. Not from the recording path: this runs Python code.
///
/// # Errors
///
/// What a handler raises that is no `Exception`: an interrupt or an exit, which are the program's.
pub(crate) fn deliver(py: Python<'_>) -> PyResult<()> {
    for (method, text) in take() {
        // A handler that fails is no reason to end what called this.
        if let Err(raised) = tell(py, method, &text)
            && !raised.is_instance_of::<PyException>(py)
        {
            return Err(raised);
        }
    }
    Ok(())
}

/// Takes what was kept: the names of the methods of a logger, and texts.
pub(crate) fn take() -> Vec<(&'static str, String)> {
    let Some(mut kept) = KEPT.lock() else { return Vec::new() };
    KEPT.is_waiting.store(false, Relaxed);
    let records = std::mem::take(&mut *kept);
    drop(kept);
    records.into_iter().map(|(level, text)| (method(level), text)).collect()
}

fn method(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug | Level::Trace => "debug",
    }
}

fn tell(py: Python<'_>, method: &str, text: &str) -> PyResult<()> {
    let logger = imports(py)?.call_method0("logger")?;
    // As an argument: the text may contain percent signs.
    logger.call_method1(method, ("%s", text))?;
    Ok(())
}
