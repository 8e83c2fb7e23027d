//! Delivery of log records of the core and the sinks to `logging.getLogger("ictus")`.
//!
//! The core and the sinks log from threads that never touch Python and, rarely, while recording. A
//! record is therefore only queued. Three paths deliver the queue:
//!
//! - Python's main thread, on request between two bytecodes.
//! - Any call of this module that records nothing.
//! - A thread, `ictus-log`, if the main thread does not do so in time, because it waits for other
//!   threads.
//!
//! The first and the last stop once the interpreter begins to end.

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

/// Maximum number of queued records. Causes are logged once, so a longer queue is a fault; the
/// oldest records describe it best and are kept.
const MAX_RECORDS: usize = 64;
/// Attempts to lock the records. After each failed one the thread yields to others.
const MAX_ATTEMPTS: usize = 1000;
const THREAD_NAME: &str = "ictus-log";
/// Time that the main thread has to deliver a record before a separate thread does so.
const MAIN_THREAD_TIMEOUT: Duration = Duration::from_secs(1);
/// Time for which the end of the interpreter waits for threads that deliver records, and the
/// interval of its checks.
const END_TIMEOUT: Duration = Duration::from_secs(2);
const END_INTERVAL: Duration = Duration::from_millis(1);

static PENDING: PendingRecords =
    PendingRecords { records: Mutex::new(VecDeque::new()), is_waiting: AtomicBool::new(false) };

struct PendingRecords {
    /// Locked briefly. The lock is never awaited without a limit: another thread may hold it at a
    /// fork. It then stays locked in the child, where records are lost.
    records: Mutex<VecDeque<(Level, String)>>,
    /// Whether records are queued. Checking it takes no lock.
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
        if records.len() < MAX_RECORDS {
            records.push_back((record.level(), text));
            self.is_waiting.store(true, Ordering::Relaxed);
        }
        drop(records);
        interpreter_access::if_enabled(request_flush_on_main_thread);
        interpreter_access::if_enabled(start_flush_thread);
    }

    fn flush(&self) {}
}

/// Access to the interpreter from threads of the core. It is allowed from the time a logger is set
/// until the interpreter begins to end. The end of the interpreter waits for threads that use it; a
/// forked child does not wait for threads of its parent.
mod interpreter_access {
    use super::{AtomicBool, AtomicU64, END_INTERVAL, END_TIMEOUT, Instant, Ordering, host, thread};

    static ENABLED: AtomicBool = AtomicBool::new(false);
    /// The generation of this process in the high half, and the number of its threads that use the
    /// interpreter in the low half.
    static USERS: AtomicU64 = AtomicU64::new(0);

    fn generation_bits() -> u64 {
        u64::from(host::generation()) << 32
    }

    fn users(word: u64) -> u64 {
        if word & !u64::from(u32::MAX) == generation_bits() { word & u64::from(u32::MAX) } else { 0 }
    }

    pub(super) fn if_enabled(action: impl FnOnce()) {
        struct UserGuard;
        impl Drop for UserGuard {
            fn drop(&mut self) {
                let leave = |word| users(word).checked_sub(1).map(|remaining| generation_bits() | remaining);
                let _ = USERS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, leave);
            }
        }
        let enter = |word| Some(generation_bits() | (users(word) + 1));
        let _ = USERS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, enter);
        let _guard = UserGuard;
        if ENABLED.load(Ordering::SeqCst) {
            action();
        }
    }

    pub(super) fn enable() {
        ENABLED.store(true, Ordering::SeqCst);
    }

    /// Must be called detached from the interpreter, because the threads that it waits for may need
    /// to attach.
    pub(super) fn disable() {
        ENABLED.store(false, Ordering::SeqCst);
        let deadline = Instant::now() + END_TIMEOUT;
        while users(USERS.load(Ordering::SeqCst)) > 0 && Instant::now() < deadline {
            thread::sleep(END_INTERVAL);
        }
    }
}

/// Asks Python's main thread to deliver the queue between two bytecodes. Any thread may call this,
/// attached or not. It is needed because a process that only records makes no other call that
/// delivers.
fn request_flush_on_main_thread() {
    extern "C" fn flush_pending(_: *mut c_void) -> c_int {
        Python::attach(|py| match flush(py) {
            Ok(()) => 0,
            Err(raised) => {
                raised.restore(py);
                -1
            }
        })
    }
    // SAFETY: the interpreter lives, which the callers ensure; the function takes no argument and
    // does not unwind: it sets an exception and returns -1. If too many calls are pending already, this
    // one is requested again later.
    let _ = unsafe { ffi::Py_AddPendingCall(Some(flush_pending), ptr::null_mut()) };
}

/// Starts a thread that delivers the queue if the main thread does not.
fn start_flush_thread() {
    /// The generation of the process whose thread waits, plus one.
    static WAITING_GENERATION: AtomicU64 = AtomicU64::new(0);
    let generation = u64::from(host::generation()) + 1;
    let waiting = WAITING_GENERATION.load(Ordering::Relaxed);
    if waiting == generation
        || WAITING_GENERATION
            .compare_exchange(waiting, generation, Ordering::Relaxed, Ordering::Relaxed)
            .is_err()
    {
        return;
    }
    let flush_after_timeout = move || {
        thread::sleep(MAIN_THREAD_TIMEOUT);
        WAITING_GENERATION.store(0, Ordering::SeqCst);
        if PENDING.is_waiting.load(Ordering::Relaxed) {
            interpreter_access::if_enabled(|| {
                Python::attach(|py| {
                    if let Err(raised) = flush(py) {
                        raised.write_unraisable(py, None);
                    }
                });
            });
        }
    };
    if thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(flush_after_timeout).is_err() {
        WAITING_GENERATION.store(0, Ordering::SeqCst);
    }
}

/// Queues the records that are logged from now on.
pub(crate) fn install(py: Python<'_>) {
    // Not called when the module is loaded, because the `ictus` command logs to standard error.
    // `set_logger` fails if a logger is already set, including this one.
    if log::set_logger(&PENDING).is_ok() {
        log::set_max_level(LevelFilter::Info);
        // If this fails, the interpreter is never asked, and only calls that record nothing deliver
        // records.
        if register_exit_handler(py).is_ok() {
            interpreter_access::enable();
        }
    }
}

/// Registers a function for the end of the interpreter. It writes observations that only memory
/// holds, delivers the records that this logs, and stops requests to the interpreter.
fn register_exit_handler(py: Python<'_>) -> PyResult<()> {
    let at_exit = PyCFunction::new_closure(py, None, None, |arguments, _| {
        arguments.py().detach(|| {
            host::save();
            interpreter_access::disable();
        });
        flush(arguments.py())
    })?;
    imports(py)?.call_method0("exit_hooks")?.call_method1("register", (at_exit,)).map(drop)
}

/// Asks Python's main thread to deliver the queue between two bytecodes. The recording path uses
/// this because it must not run Python code.
pub(crate) fn flush_later(_: Python<'_>) {
    if PENDING.is_waiting.load(Ordering::Relaxed) {
        request_flush_on_main_thread();
    }
}

/// Delivers the queue. Must not be called from the recording path, because it runs Python code.
///
/// # Errors
///
/// Returns an exception of a handler that is not an `Exception`: an interrupt or an exit, which
/// belong to the program.
pub(crate) fn flush(py: Python<'_>) -> PyResult<()> {
    let mut result = Ok(());
    // An interrupt in one handler must not lose the records after it.
    for (method, text) in drain() {
        // A handler that fails must not end the caller.
        if let Err(raised) = emit(py, method, &text)
            && !raised.is_instance_of::<PyException>(py)
        {
            result = result.and(Err(raised));
        }
    }
    result
}

/// Drains the queue. Returns pairs of a logger method and a text.
pub(crate) fn drain() -> Vec<(&'static str, String)> {
    let Some(mut pending) = PENDING.lock() else { return Vec::new() };
    PENDING.is_waiting.store(false, Ordering::Relaxed);
    let records = std::mem::take(&mut *pending);
    drop(pending);
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

fn emit(py: Python<'_>, method: &str, text: &str) -> PyResult<()> {
    let logger = imports(py)?.call_method0("logger")?;
    // The text may contain percent signs, so it is passed as an argument.
    logger.call_method1(method, ("%s", text))?;
    Ok(())
}
