//! Strings, arrays and objects that cross the C boundary.
//!
//! Strings and arrays are a pointer and a length. The caller owns the memory of its arguments.

use std::{ffi::c_char, slice};

use crate::ictus_status;

/// A string in UTF-8. It needs no NUL at the end, and an empty string may have a NULL
/// pointer. The caller owns the memory of an argument, the library that of a result.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ictus_str {
    /// Pointer to the first byte.
    pub data: *const c_char,
    /// Length in bytes, without a NUL at the end.
    pub len: usize,
}

impl ictus_str {
    /// Returns a static string that ends with a NUL, which its length does not count.
    pub(crate) const fn from_terminated(text: &'static str) -> ictus_str {
        debug_assert!(matches!(text.as_bytes(), [.., 0]));
        ictus_str { data: text.as_ptr().cast(), len: text.len() - 1 }
    }

    /// Returns the string, or an error if it is NULL, too long or not UTF-8.
    ///
    /// # Safety
    ///
    /// `data` is NULL, or the `len` bytes at it are readable as long as the result is used.
    pub(crate) unsafe fn read<'a>(self) -> Result<&'a str, ictus_status> {
        // SAFETY: the caller guarantees it.
        let bytes = unsafe { array(self.data.cast::<u8>(), self.len) }?;
        str::from_utf8(bytes).map_err(|_| ictus_status::Utf8)
    }
}

/// Returns the array, or an error if it is NULL or too long. An empty array may have a NULL
/// pointer.
///
/// # Safety
///
/// `first` is NULL, or the `count` values at it are readable as long as the result is used.
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
    // SAFETY: not NULL and not longer than memory; the caller guarantees the rest.
    Ok(unsafe { slice::from_raw_parts(first, count) })
}

/// Returns the strings of an array, or the error of the first one that is invalid.
///
/// # Safety
///
/// As for [`array`], and each string as for [`ictus_str::read`].
pub(crate) unsafe fn strings<'a>(
    first: *const ictus_str,
    count: usize,
) -> Result<Vec<&'a str>, ictus_status> {
    // SAFETY: the caller guarantees it.
    let strings = unsafe { array(first, count) }?;
    // SAFETY: the caller guarantees it.
    strings.iter().map(|string| unsafe { string.read() }).collect()
}

/// Returns a reference to the object of a pointer, or an error if the pointer is NULL.
///
/// # Safety
///
/// `pointer` is NULL, or points to a `T` that lives as long as the result is used.
pub(crate) unsafe fn borrow<'a, T>(pointer: *const T) -> Result<&'a T, ictus_status> {
    // SAFETY: the caller guarantees it.
    unsafe { pointer.as_ref() }.ok_or(ictus_status::Null)
}

/// Returns a mutable reference to the object of a pointer, or an error if the pointer is NULL.
///
/// # Safety
///
/// `pointer` is NULL, or points to a `T` that lives as long as the result is used, and that no other
/// reference exists to.
pub(crate) unsafe fn borrow_mut<'a, T>(pointer: *mut T) -> Result<&'a mut T, ictus_status> {
    // SAFETY: the caller guarantees it.
    unsafe { pointer.as_mut() }.ok_or(ictus_status::Null)
}

/// Creates a `T` on the heap and writes its pointer to `out`. C frees it with the function
/// of its noun, which calls [`free`].
///
/// # Safety
///
/// `out` is NULL or writable.
pub(crate) unsafe fn into_out<T>(
    out: *mut *mut T,
    make: impl FnOnce() -> Result<T, ictus_status>,
) -> Result<(), ictus_status> {
    if out.is_null() {
        return Err(ictus_status::Null);
    }
    let object = Box::into_raw(Box::new(make()?));
    // SAFETY: not NULL; the caller guarantees the rest.
    unsafe { out.write(object) };
    Ok(())
}

/// Writes a value to an output of the caller.
///
/// # Safety
///
/// `out` is NULL or writable.
pub(crate) unsafe fn put<T>(out: *mut T, value: T) -> Result<(), ictus_status> {
    if out.is_null() {
        return Err(ictus_status::Null);
    }
    // SAFETY: not NULL; the caller guarantees the rest.
    unsafe { out.write(value) };
    Ok(())
}

/// Frees an object that [`into_out`] created. Does nothing for NULL.
///
/// # Safety
///
/// `given` is NULL, or comes from `into_out` and is not used again.
pub(crate) unsafe fn free<T>(given: *mut T) {
    if !given.is_null() {
        // SAFETY: `into_out` made it from a box; the caller guarantees that it is freed only once.
        drop(unsafe { Box::from_raw(given) });
    }
}
