//! Registries: where a process records, and what it reads from.

use ictus::Registry;

use crate::{
    guard::guard,
    ictus_status, ictus_str,
    string::{give, take_back},
};

/// Families that this process records: in its own memory, or in a metrics directory that it shares
/// with other processes.
#[derive(Debug)]
pub struct ictus_registry(pub(crate) Registry);

/// Makes a registry in this process's memory alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_new(out: *mut *mut ictus_registry) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a place that can be written.
        unsafe { give(out, || Ok(ictus_registry(Registry::new()))) }
    })
}

/// Makes a registry in a metrics directory, which is made where it is missing. The process's
/// segment is made at the first recording, and anew in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_open(
    directory: ictus_str,
    out: *mut *mut ictus_registry,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or readable for the time of this call.
        let directory = unsafe { directory.read() }?;
        // SAFETY: by convention, NULL or a place that can be written.
        unsafe { give(out, || Ok(ictus_registry(Registry::open(directory)?))) }
    })
}

/// Frees a registry. Its counters, gauges and timers go on recording until they are freed, too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_free(registry: *mut ictus_registry) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_registry_new` or `_open`, and not used again.
        unsafe { take_back(registry) };
        Ok(())
    });
}
