//! Strings and arrays that cross the border: pointer and length, owned by whoever gave them.

use std::{ffi::c_char, slice};

use crate::ictus_status;

/// A string: UTF-8, not necessarily ended by a NUL. An empty one may have a NULL pointer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ictus_str {
    /// Its first byte.
    pub data: *const c_char,
    /// How many bytes it has.
    pub len: usize,
}

impl ictus_str {
    /// A static string that ends with a NUL, which is not part of its length.
    pub(crate) const fn from_terminated(text: &'static str) -> ictus_str {
        debug_assert!(matches!(text.as_bytes(), [.., 0]));
        ictus_str { data: text.as_ptr().cast(), len: text.len() - 1 }
    }

    /// The string, where it is one.
    ///
    /// # Safety
    ///
    /// `data` is NULL, or `len` bytes from it on can be read for as long as the result is used.
    pub(crate) unsafe fn read<'a>(self) -> Result<&'a str, ictus_status> {
        // SAFETY: what the caller vouches for.
        let bytes = unsafe { array(self.data.cast::<u8>(), self.len) }?;
        str::from_utf8(bytes).map_err(|_| ictus_status::Utf8)
    }
}

/// The array, where there is one; an empty one may have a NULL pointer.
///
/// # Safety
///
/// `first` is NULL, or `count` values from it on can be read for as long as the result is used.
pub(crate) unsafe fn array<'a, T>(first: *const T, count: usize) -> Result<&'a [T], ictus_status> {
    if count == 0 {
        return Ok(&[]);
    }
    if first.is_null() {
        return Err(ictus_status::Null);
    }
    if count > isize::MAX as usize / size_of::<T>() {
        return Err(ictus_status::Length);
    }
    // SAFETY: not NULL, not longer than memory; the caller vouches for the rest.
    Ok(unsafe { slice::from_raw_parts(first, count) })
}

/// The strings of an array.
///
/// # Safety
///
/// As for [`array`], and each string as for [`ictus_str::read`].
pub(crate) unsafe fn strings<'a>(
    first: *const ictus_str,
    count: usize,
) -> Result<Vec<&'a str>, ictus_status> {
    // SAFETY: what the caller vouches for.
    let strings = unsafe { array(first, count) }?;
    // SAFETY: what the caller vouches for.
    strings.iter().map(|string| unsafe { string.read() }).collect()
}

/// What a pointer points to.
///
/// # Safety
///
/// `pointer` is NULL, or to a `T` that lives for as long as the result is used.
pub(crate) unsafe fn borrow<'a, T>(pointer: *const T) -> Result<&'a T, ictus_status> {
    // SAFETY: what the caller vouches for.
    unsafe { pointer.as_ref() }.ok_or(ictus_status::Null)
}

/// Gives a new `T` to C, which frees it with the function of its noun.
///
/// # Safety
///
/// `out` is NULL, or can be written.
pub(crate) unsafe fn give<T>(
    out: *mut *mut T,
    make: impl FnOnce() -> Result<T, ictus_status>,
) -> Result<(), ictus_status> {
    if out.is_null() {
        return Err(ictus_status::Null);
    }
    let made = Box::into_raw(Box::new(make()?));
    // SAFETY: not NULL; the caller vouches for the rest.
    unsafe { out.write(made) };
    Ok(())
}

/// Takes back what [`give`] gave.
///
/// # Safety
///
/// `given` is NULL, or from `give`, and nobody uses it any more.
pub(crate) unsafe fn take_back<T>(given: *mut T) {
    if !given.is_null() {
        // SAFETY: `give` made it from a box; the caller vouches that this is its only end.
        drop(unsafe { Box::from_raw(given) });
    }
}
