//! Log messages of the library, passed to a callback of the host program.

use std::{
    ffi::{c_char, c_int, c_void},
    sync::{PoisonError, RwLock},
};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::{guard::guard, ictus_status};

/// Severity of a log message.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ictus_log_level {
    /// A requested action failed.
    Error = 1,
    /// A problem that the library works around as far as possible.
    Warning = 2,
    /// Information.
    Info = 3,
}

/// A callback that receives a log message. `context` is the pointer passed to
/// `ictus_log_set`, and `level` is one of `ictus_log_level`. The message has `len` bytes of
/// UTF-8 without a NUL at the end, and is readable only during the call.
///
/// The library calls it from any thread, also from several threads concurrently, and while
/// a thread's first recording of a series reserves memory. The callback must not call the
/// library, and must return to its caller: no longjmp, no C++ exception.
pub type ictus_log_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, level: c_int, message: *const c_char, len: usize)>;

/// Sets the callback that receives the library's log messages from now on, and replaces the
/// previous one. Without a callback nothing is logged; NULL for `log` removes the callback.
/// A degraded state is logged once; a call that returns ICTUS_STATUS_IO logs its text each time.
/// `context` is passed to the callback.
///
/// When this function returns, the previous callback is no longer called, so its context
/// may be freed. Messages that are logged while the callback is being replaced are dropped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_log_set(log: ictus_log_fn, context: *mut c_void) -> ictus_status {
    guard(|| {
        let host = host();
        *host.callback.write().unwrap_or_else(PoisonError::into_inner) =
            log.map(|call| Callback { call, context });
        // Fails if the static library is linked into a Rust program that has set a logger
        // already.
        if ::log::set_logger(host).is_ok() {
            ::log::set_max_level(LevelFilter::Info);
        }
        Ok(())
    })
}

/// Returns the only logger. The `log` crate accepts one logger and never replaces it.
fn host() -> &'static Host {
    static HOST: Host = Host { callback: RwLock::new(None) };
    &HOST
}

struct Host {
    callback: RwLock<Option<Callback>>,
}

struct Callback {
    call: unsafe extern "C" fn(*mut c_void, c_int, *const c_char, usize),
    context: *mut c_void,
}

// SAFETY: by the contract of `ictus_log_fn`, it may be called with its context from any thread.
unsafe impl Send for Callback {}
// SAFETY: as above; several threads may call it concurrently.
unsafe impl Sync for Callback {}

impl Log for Host {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ictus")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            Level::Error => ictus_log_level::Error,
            Level::Warn => ictus_log_level::Warning,
            Level::Info | Level::Debug | Level::Trace => ictus_log_level::Info,
        };
        let text = ictus::Printable(record.args()).to_string();
        // Recording may log and must never wait: while the host is changing the callback, the message
        // is dropped.
        let Ok(callback) = self.callback.try_read() else { return };
        if let Some(Callback { call, context }) = &*callback {
            // SAFETY: the host guarantees both; the text is readable during the call.
            unsafe { call(*context, level as c_int, text.as_ptr().cast(), text.len()) };
        }
    }

    fn flush(&self) {}
}
