//! What the library logs, passed on to a host that asked for it.

use std::{
    ffi::{c_char, c_int, c_void},
    sync::{PoisonError, RwLock},
};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::{guard::guard, ictus_status};

/// How much a message matters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ictus_log_level {
    /// Something that was asked for could not be done.
    Error = 1,
    /// Something is not as it should be; what can be done is.
    Warning = 2,
    /// Something worth knowing.
    Info = 3,
}

/// Takes a message, which is readable for the time of the call: `level` is one of `ictus_log_level`.
/// Called from any thread, also from several at once and while a first observation makes room; it
/// must not call the library, and must return to its caller.
pub type ictus_log_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, level: c_int, message: *const c_char, len: usize)>;

/// Passes on what the library logs from now on, each cause once; `log` NULL stops that. Nothing is
/// logged unless this is called. When it returns, the callback of before is not called any more.
/// Only one callback is called: the last one given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_log_set(log: ictus_log_fn, context: *mut c_void) -> ictus_status {
    guard(|| {
        let host = host();
        *host.callback.write().unwrap_or_else(PoisonError::into_inner) =
            log.map(|call| Callback { call, context });
        // Refused where a Rust program, with which the static library is linked, has a logger of its own.
        if ::log::set_logger(host).is_ok() {
            ::log::set_max_level(LevelFilter::Info);
        }
        Ok(())
    })
}

/// The only one: loggers are set for good.
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
// SAFETY: as above, from several at once.
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
        // Recording may log, and never waits: where the host is changing the callback, the message is lost.
        let Ok(callback) = self.callback.try_read() else { return };
        if let Some(Callback { call, context }) = &*callback {
            // SAFETY: the host has vouched for both; the text is readable for the time of the call.
            unsafe { call(*context, level as c_int, text.as_ptr().cast(), text.len()) };
        }
    }

    fn flush(&self) {}
}
