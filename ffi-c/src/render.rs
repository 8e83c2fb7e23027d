//! What was recorded, written for Prometheus.

use std::ffi::{c_char, c_int, c_void};

use ictus::surface::Exposition;

use crate::{guard::guard, ictus_format, ictus_registry, ictus_status, string::borrow, view::view};

/// Takes `len` bytes of an output, which are readable for the time of the call; 0 asks for more,
/// anything else to stop. Must return to its caller: no longjmp, no C++ exception.
pub type ictus_write_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, data: *const c_char, len: usize) -> c_int>;

/// Writes everything that was recorded, here or in the directory by all of its processes, in one
/// call of `write` or more: `format` is one of `ictus_format`, `surfaces` one of `ictus_surface` or
/// several added up, and `context` is passed on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_registry_render(
    registry: *const ictus_registry,
    format: c_int,
    surfaces: c_int,
    write: ictus_write_fn,
    context: *mut c_void,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a registry that was not freed.
        let registry = unsafe { borrow(registry) }?;
        let (format, view) = (ictus_format::of(format)?, view(surfaces)?);
        let written = write
            .ok_or(ictus_status::Null)
            .and_then(|_| Ok(format.write(&Exposition::new(&registry.0.snapshot()?, &view))))?;
        // SAFETY: by convention, a function as its type says.
        unsafe { pass_on(&written, write, context) }
    })
}

/// Gives bytes to the caller's function.
///
/// # Safety
///
/// `write` is NULL, or does what its type says.
pub(crate) unsafe fn pass_on(
    bytes: &[u8],
    write: ictus_write_fn,
    context: *mut c_void,
) -> Result<(), ictus_status> {
    let write = write.ok_or(ictus_status::Null)?;
    // SAFETY: what the caller vouches for; the bytes outlive the call.
    match unsafe { write(context, bytes.as_ptr().cast(), bytes.len()) } {
        0 => Ok(()),
        _ => Err(ictus_status::Stopped),
    }
}
