//! What the core and the sinks log, kept until Python can be told.
//!
//! They log from threads that never touch Python, and, rarely, while recording. So a record is only
//! kept, and Python's main thread is asked to pass it on to `logging.getLogger("ictus")`; so does any
//! call that records nothing. A main thread that waits for others does nothing for long: then a thread,
//! `ictus-log`, passes the record on. Neither is done once the interpreter has begun to end.

use std::{
    collections::VecDeque,
    ffi::{c_int, c_void},
    ptr,
    sync::{
        Mutex, MutexGuard, TryLockError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ictus::host;
use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::{exceptions::PyException, ffi, prelude::*, types::PyCFunction};

use crate::convert::imports;

/// Causes are logged once, so more than this is a fault; the oldest tell most about it.
const MOST: usize = 64;
/// How often a thread that finds the records locked lets others run before it gives up.
const MAX_ATTEMPTS: usize = 1000;
const THREAD: &str = "ictus-log";
/// How long the main thread has to pass a record on.
const MAIN_THREAD_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the end of the interpreter waits for threads that pass records on, and how often it looks.
const END_TIMEOUT: Duration = Duration::from_secs(2);
const END_INTERVAL: Duration = Duration::from_millis(1);

static PENDING: PendingRecords =
    PendingRecords { records: Mutex::new(VecDeque::new()), is_waiting: AtomicBool::new(false) };

struct PendingRecords {
    /// Held for a moment. Not waited for without a limit: it may be held by another thread at a fork, and
    /// then stays locked in the child, where records are lost.
    records: Mutex<VecDeque<(Level, String)>>,
    /// Whether there are records, so that asking takes no lock.
    is_waiting: AtomicBool,
}

impl PendingRecords {
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

impl Log for PendingRecords {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ictus")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = ictus::Printable(record.args()).to_string();
        let Some(mut records) = self.lock() else { return };
        if records.len() < MOST {
            records.push_back((record.level(), text));
            self.is_waiting.store(true, Ordering::Relaxed);
        }
        drop(records);
        interpreter::while_it_runs(ask_main_thread);
        interpreter::while_it_runs(remind);
    }

    fn flush(&self) {}
}

/// Whether the interpreter may be asked for anything: not before a logger is set, and not once it has begun to
/// end, which waits for those that are at it. A forked child does not wait for threads of its parent.
mod interpreter {
    use super::{AtomicBool, AtomicU64, END_INTERVAL, END_TIMEOUT, Instant, Ordering, host, thread};

    static RUNS: AtomicBool = AtomicBool::new(false);
    /// The generation of this process in the high half, and how many of its threads use the interpreter.
    static USERS: AtomicU64 = AtomicU64::new(0);

    fn own() -> u64 {
        u64::from(host::generation()) << 32
    }

    fn users(word: u64) -> u64 {
        if word & !u64::from(u32::MAX) == own() { word & u64::from(u32::MAX) } else { 0 }
    }

    pub(super) fn while_it_runs(act: impl FnOnce()) {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                let leave = |word| users(word).checked_sub(1).map(|left| own() | left);
                let _ = USERS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, leave);
            }
        }
        let enter = |word| Some(own() | (users(word) + 1));
        let _ = USERS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, enter);
        let _leave = Leave;
        if RUNS.load(Ordering::SeqCst) {
            act();
        }
    }

    pub(super) fn began() {
        RUNS.store(true, Ordering::SeqCst);
    }

    /// Not attached: those that are waited for may have to be.
    pub(super) fn ends() {
        RUNS.store(false, Ordering::SeqCst);
        let deadline = Instant::now() + END_TIMEOUT;
        while users(USERS.load(Ordering::SeqCst)) > 0 && Instant::now() < deadline {
            thread::sleep(END_INTERVAL);
        }
    }
}

/// Has Python's main thread pass on what was kept, once it is between two bytecodes. For any thread,
/// attached or not: a process that only records calls nothing else that could.
fn ask_main_thread() {
    extern "C" fn pending(_: *mut c_void) -> c_int {
        Python::attach(|py| match deliver(py) {
            Ok(()) => 0,
            Err(raised) => {
                raised.restore(py);
                -1
            }
        })
    }
    // SAFETY: the interpreter lives, as the callers know; the function takes no argument, and does not unwind:
    // `deliver` lets no exception out. Where too much is pending already, it is asked for again later.
    let _ = unsafe { ffi::Py_AddPendingCall(Some(pending), ptr::null_mut()) };
}

/// Passes records on in a thread of its own where the main thread does not.
fn remind() {
    /// The process whose thread waits, plus one.
    static WAITS: AtomicU64 = AtomicU64::new(0);
    let own = u64::from(host::generation()) + 1;
    let waits = WAITS.load(Ordering::Relaxed);
    if waits == own || WAITS.compare_exchange(waits, own, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        return;
    }
    let wait = move || {
        thread::sleep(MAIN_THREAD_TIMEOUT);
        WAITS.store(0, Ordering::SeqCst);
        if PENDING.is_waiting.load(Ordering::Relaxed) {
            interpreter::while_it_runs(|| {
                Python::attach(|py| {
                    if let Err(raised) = deliver(py) {
                        raised.write_unraisable(py, None);
                    }
                });
            });
        }
    };
    if thread::Builder::new().name(THREAD.to_owned()).spawn(wait).is_err() {
        WAITS.store(0, Ordering::SeqCst);
    }
}

/// Keeps what is logged from now on.
pub(crate) fn keep(py: Python<'_>) {
    // Not when the module is loaded: the `ictus` command logs to standard error. Refused where a
    // logger is set already, ours included.
    if log::set_logger(&PENDING).is_ok() {
        log::set_max_level(LevelFilter::Info);
        // Where that fails, nothing is asked of the interpreter, and calls that record nothing pass records on.
        if end_with_interpreter(py).is_ok() {
            interpreter::began();
        }
    }
}

/// At the end of the interpreter: writes what only memory holds, passes on what that logs, and has nothing asked
/// any more.
fn end_with_interpreter(py: Python<'_>) -> PyResult<()> {
    let end = PyCFunction::new_closure(py, None, None, |arguments, _| {
        arguments.py().detach(|| {
            host::save();
            interpreter::ends();
        });
        deliver(arguments.py())
    })?;
    imports(py)?.call_method0("exit")?.call_method1("watch", (end,)).map(drop)
}

/// Has Python's main thread pass on what was kept, once it is between two bytecodes: for the recording
/// path, which itself runs no Python code.
pub(crate) fn deliver_later(_: Python<'_>) {
    if PENDING.is_waiting.load(Ordering::Relaxed) {
        ask_main_thread();
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
    let Some(mut kept) = PENDING.lock() else { return Vec::new() };
    PENDING.is_waiting.store(false, Ordering::Relaxed);
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
