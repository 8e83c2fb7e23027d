//! What was recorded, written for Prometheus.

use std::ffi::{c_char, c_int, c_void};

use ictus::{
    expose,
    surface::{Exposition, View},
};

use crate::{guard::guard, ictus_registry, ictus_status, string::borrow};

/// Takes `len` bytes of an output, which are readable for the time of the call; 0 asks for more,
/// anything else to stop. Must return to its caller: no longjmp, no C++ exception.
pub type ictus_write =
    Option<unsafe extern "C" fn(context: *mut c_void, data: *const c_char, len: usize) -> c_int>;

/// Writes everything that was recorded, here or in the directory by all of its processes, as
/// Prometheus text 0.0.4: UTF-8, in one call of `write` or more. `context` is passed on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_render(
    registry: *const ictus_registry,
    write: ictus_write,
    context: *mut c_void,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a registry that was not freed.
        let registry = unsafe { borrow(registry) }?;
        let write = write.ok_or(ictus_status::Null)?;
        let text = expose::text(&Exposition::new(&registry.0.snapshot()?, &View::default()));
        // SAFETY: the caller's own function, called as its type says; the text outlives the call.
        match unsafe { write(context, text.as_ptr().cast(), text.len()) } {
            0 => Ok(()),
            _ => Err(ictus_status::Stopped),
        }
    })
}
