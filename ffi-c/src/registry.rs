//! Registries, in which a process records and from which it reads.

use ictus::Registry;

use crate::{
    guard::guard,
    ictus_status, ictus_str,
    string::{give, take_back},
};

/// A registry: a set of families that this process records, in its own memory or in a
/// metrics directory that it shares with other processes.
#[derive(Debug)]
pub struct ictus_registry(pub(crate) Registry);

/// Creates a registry in the memory of this process only. Free it with
/// `ictus_registry_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_new(out: *mut *mut ictus_registry) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or writable.
        unsafe { give(out, || Ok(ictus_registry(Registry::new()))) }
    })
}

/// Opens a registry in a metrics directory, and creates the directory if it does not exist.
/// Free the registry with `ictus_registry_free`. This call resolves a relative path, so
/// later changes of the working directory have no effect.
///
/// The process creates its segment, a file in the directory, at its first recording. A
/// forked child creates another one at its first recording.
///
/// Returns `ICTUS_STATUS_OPTION` if the path is empty or begins with `~`, and
/// `ICTUS_STATUS_IO` if the directory cannot be created or used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_open(
    directory: ictus_str,
    out: *mut *mut ictus_registry,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or readable during this call.
        let directory = unsafe { directory.read() }?;
        // SAFETY: by convention, NULL or writable.
        unsafe { give(out, || Ok(ictus_registry(Registry::open(directory)?))) }
    })
}

/// Frees a registry. Its counters, gauges and timers continue to record until they are
/// freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_free(registry: *mut ictus_registry) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_registry_new` or `_open`, and not used again.
        unsafe { take_back(registry) };
        Ok(())
    });
}
