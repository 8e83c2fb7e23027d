//! Registries, in which a process records and from which it reads.

use ictus::Registry;

use crate::{
    family_options::idle_time,
    guard::guard,
    ictus_registry_options, ictus_status, ictus_str,
    string::{borrow, free, into_out, put, strings},
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
        unsafe { into_out(out, || Ok(ictus_registry(Registry::new()))) }
    })
}

/// Creates a registry in the memory of this process only, with options, which are copied. Free
/// it with `ictus_registry_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_new_with(
    options: *const ictus_registry_options,
    out: *mut *mut ictus_registry,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or options that were not freed and that no `_set` uses.
        let options = unsafe { borrow(options) }?.0.clone();
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, || Ok(ictus_registry(Registry::with_options(options)))) }
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
        unsafe { into_out(out, || Ok(ictus_registry(Registry::open(directory)?))) }
    })
}

/// Opens a registry in a metrics directory as `ictus_registry_open` does, with options, which
/// are copied. Free it with `ictus_registry_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_open_with(
    directory: ictus_str,
    options: *const ictus_registry_options,
    out: *mut *mut ictus_registry,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or readable during this call.
        let directory = unsafe { directory.read() }?;
        // SAFETY: by convention, NULL or options that were not freed and that no `_set` uses.
        let options = unsafe { borrow(options) }?.0.clone();
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, || Ok(ictus_registry(Registry::open_with(directory, options)?))) }
    })
}

/// Removes a series of a counter, gauge or timer: the series of the family `name` with these
/// labels, in any order. The observations of this process and of ended processes are no longer
/// shown, and the memory of the series can be used for other series.
///
/// Recording through existing handles of the series is counted as rejected. Create a handle
/// again to record a new series with these labels, which starts at 0. Other running processes
/// still show their part of the series until they remove it too. The overflow series cannot be
/// removed.
///
/// In a metrics directory the call waits up to five seconds for the lock of the directory, and
/// may rewrite a file. Do not call it in hot loops.
///
/// Returns `ICTUS_STATUS_UNKNOWN` if this registry has no such family, or the family no such
/// series, and `ICTUS_STATUS_IO` if the data of ended processes cannot be changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_remove(
    registry: *const ictus_registry,
    name: ictus_str,
    label_names: *const ictus_str,
    label_values: *const ictus_str,
    label_count: usize,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a registry that was not freed.
        let registry = unsafe { borrow(registry) }?;
        // SAFETY: by convention, NULL or readable during this call.
        let name = unsafe { name.read() }?;
        // SAFETY: as above.
        let names = unsafe { strings(label_names, label_count) }?;
        // SAFETY: as above.
        let values = unsafe { strings(label_values, label_count) }?;
        let labels: Vec<(&str, &str)> = names.into_iter().zip(values).collect();
        if registry.0.remove(name, &labels)? { Ok(()) } else { Err(ictus_status::Unknown) }
    })
}

/// Expires every series that no process of the directory has updated for `seconds`, in all
/// families, as `ictus_family_options_set_expire_after` does for families that set it. Writes
/// the number of series that were removed from this process to `out`.
///
/// Counters and gauges are idle if their values are the same in two reads: the first call
/// starts to watch them. Call this function from time to time in a process that takes no
/// snapshots.
///
/// Returns `ICTUS_STATUS_OPTION` if `seconds` is NaN, infinite or negative, and
/// `ICTUS_STATUS_IO` if the metrics directory cannot be listed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_remove_idle(
    registry: *const ictus_registry,
    seconds: f64,
    out: *mut usize,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a registry that was not freed.
        let registry = unsafe { borrow(registry) }?;
        let idle = idle_time(seconds)?;
        if out.is_null() {
            return Err(ictus_status::Null);
        }
        let removed = registry.0.remove_idle(idle)?;
        // SAFETY: by convention, NULL or writable.
        unsafe { put(out, removed) }
    })
}

/// Frees a registry. Its counters, gauges and timers continue to record until they are
/// freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_free(registry: *mut ictus_registry) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_registry_new`, `_open` or their `_with`, and not used again.
        unsafe { free(registry) };
        Ok(())
    });
}
