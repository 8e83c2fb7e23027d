//! Output of recorded metrics in the formats of Prometheus.

use std::ffi::{c_char, c_int, c_void};

use ictus::surface::Exposition;

use crate::{guard::guard, ictus_format, ictus_registry, ictus_status, string::borrow, view::view};

/// A callback that receives `len` bytes of output, which are readable only during the call.
/// `context` is the pointer passed to the function that writes.
///
/// It returns 0 to continue. With any other result the writing function stops and returns
/// `ICTUS_STATUS_STOPPED`. The callback must return to its caller: no longjmp, no C++
/// exception.
pub type ictus_write_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, data: *const c_char, len: usize) -> c_int>;

/// Writes all recorded metrics: those of all processes of the metrics directory, or those
/// of this process for a registry in memory.
///
/// `format` is one of `ictus_format`. `surfaces` is one of `ictus_surface`, or the sum of
/// several. The function calls `write` one or more times in the calling thread, and passes
/// `context` to it. Returns `ICTUS_STATUS_OPTION` for an unknown format or an invalid sum
/// of surfaces, `ICTUS_STATUS_IO` if the directory cannot be listed, and
/// `ICTUS_STATUS_STOPPED` if `write` returned a number other than 0.
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
        // SAFETY: by convention, NULL or a function that fulfils the contract of its type.
        unsafe { pass_on(&written, write, context) }
    })
}

/// Passes bytes to the caller's callback.
///
/// # Safety
///
/// `write` is NULL, or fulfils the contract of its type.
pub(crate) unsafe fn pass_on(
    bytes: &[u8],
    write: ictus_write_fn,
    context: *mut c_void,
) -> Result<(), ictus_status> {
    let write = write.ok_or(ictus_status::Null)?;
    // SAFETY: the caller guarantees it; the bytes outlive the call.
    match unsafe { write(context, bytes.as_ptr().cast(), bytes.len()) } {
        0 => Ok(()),
        _ => Err(ictus_status::Stopped),
    }
}
