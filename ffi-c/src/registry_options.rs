//! Options of registries: the options of their families, a group of users, the allowed names.

use ictus::RegistryOptions;

use crate::{
    guard::guard,
    ictus_family_options, ictus_status,
    string::{borrow, borrow_mut, free, into_out},
};

/// Options of registries, for `ictus_registry_new_with` and `ictus_registry_open_with`.
///
/// The library copies options where it uses them. You may change, reuse or free them afterwards.
/// Do not call a `_set` function concurrently with another call with the same options.
#[derive(Debug)]
pub struct ictus_registry_options(pub(crate) RegistryOptions);

/// Creates options with their defaults: those of `ictus_family_options_new` for families, no
/// group, and names as Prometheus has always allowed them. Free them with
/// `ictus_registry_options_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_options_new(out: *mut *mut ictus_registry_options) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, || Ok(ictus_registry_options(RegistryOptions::default()))) }
    })
}

/// Sets the options of the registry's families, those of the catalog included, except timers
/// that have their own, by `ictus_timer_new_with`. Copies `families`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_options_set_families(
    options: *mut ictus_registry_options,
    families: *const ictus_family_options,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or options that were not freed and that no other call uses.
        let options = unsafe { borrow_mut(options) }?;
        // SAFETY: by convention, NULL or options that were not freed and that no `_set` uses.
        let families = unsafe { borrow(families) }?.0.clone();
        options.set(|options| options.families(families))
    })
}

/// Sets the number of a group of users that share the metrics directory. The folder `ictus` in
/// it, otherwise of mode 0700, gets that group and mode 0770, and files get mode 0640. All
/// processes that record in the directory must set the same group and be members of it. A
/// registry in memory ignores the group.
///
/// Returns `ICTUS_STATUS_OPTION` and changes nothing for 4294967295, which is no group.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_options_set_group(
    options: *mut ictus_registry_options,
    number: u32,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or options that were not freed and that no other call uses.
        let options = unsafe { borrow_mut(options) }?;
        options.set(|options| options.group(number))
    })
}

/// Allows names of metrics and labels with any characters, for example
/// `http.server.duration`, if `allowed` is not 0. Otherwise such a name is an error. Clients
/// that do not request such names receive underscores instead.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_options_set_utf8_names(
    options: *mut ictus_registry_options,
    allowed: std::ffi::c_int,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or options that were not freed and that no other call uses.
        let options = unsafe { borrow_mut(options) }?;
        options.set(|options| options.utf8_names(allowed != 0))
    })
}

/// Frees options. Registries that were created with them keep their copy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_options_free(options: *mut ictus_registry_options) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_registry_options_new`, and not used again.
        unsafe { free(options) };
        Ok(())
    });
}

impl ictus_registry_options {
    /// Replaces the options by changed ones, if these are valid.
    fn set(&mut self, change: impl FnOnce(RegistryOptions) -> RegistryOptions) -> Result<(), ictus_status> {
        let changed = change(self.0.clone());
        changed.validate()?;
        self.0 = changed;
        Ok(())
    }
}
