//! Conversion of Python objects to label values: the same values as the SDK's collector shows.
//!
//! An `Exception` that an object raises is replaced by a fallback value. Other exceptions, such as
//! an interrupt or an exit, belong to the program and are passed on.

use std::{borrow::Cow, sync::OnceLock};

use pyo3::{
    exceptions::{PyBaseException, PyException},
    prelude::*,
    types::{PyString, PyType},
};

/// Maximum length in bytes of a label value made from an exception. Its message may be longer.
const MAX_EXCEPTION_BYTES: usize = 200;

/// Returns the result, or the value of `fallback` if the result is an `Exception`.
///
/// # Errors
///
/// Returns a raised object that is not an `Exception`.
pub(crate) fn recover_from_exception<T>(
    py: Python<'_>,
    result: PyResult<T>,
    fallback: impl FnOnce() -> T,
) -> PyResult<T> {
    match result {
        Err(raised) if raised.is_instance_of::<PyException>(py) => Ok(fallback()),
        result => result,
    }
}

/// Returns `str(object)`, without a copy if the object is a `str`. An object whose `__str__` fails
/// is named by its type.
pub(crate) fn text<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, str>> {
    // The type must be exactly `str`: `prometheus_client` calls `str()`, which an enumeration of
    // strings overrides.
    if let Ok(string) = object.cast_exact::<PyString>() {
        return Ok(lossy_str(string));
    }
    let text = object.str().map(|string| string.to_string_lossy().into_owned());
    recover_from_exception(object.py(), text, || unprintable_placeholder(object)).map(Cow::Owned)
}

/// Returns the string's characters. Lone surrogates cannot be encoded in UTF-8 and are replaced.
pub(crate) fn lossy_str<'a>(string: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    string.to_str().map_or_else(|_| string.to_string_lossy(), Cow::Borrowed)
}

/// Returns one object per HTTP status. The SDK creates a new string for the status at each call,
/// and the handle cache compares objects by identity.
pub(crate) fn interned_status<'a, 'py>(status: &'a Bound<'py, PyAny>) -> &'a Bound<'py, PyAny> {
    static STATUSES: [OnceLock<Py<PyAny>>; 500] = [const { OnceLock::new() }; 500];
    let Ok(text) = status.cast_exact::<PyString>() else { return status };
    let Ok(&[hundreds @ b'1'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9']) =
        text.to_str().map(str::as_bytes)
    else {
        return status;
    };
    let index = [hundreds - b'1', tens - b'0', ones - b'0'];
    let index = index.into_iter().fold(0, |index, digit| index * 10 + usize::from(digit));
    STATUSES[index].get_or_init(|| status.clone().unbind()).bind(status.py())
}

/// Returns the exception's class by the rule that the SDKs share: the bare name of a class or of an
/// instance's class, and `None` for no exception. For any other object, returns its text.
pub(crate) fn class_name<'a>(exception: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, str>> {
    let name = if let Ok(class) = exception.cast::<PyType>() {
        Cow::Owned(type_name(class))
    } else if exception.is_instance_of::<PyBaseException>() {
        Cow::Owned(type_name(&exception.get_type()))
    } else {
        text(exception)?
    };
    Ok(truncate(name))
}

/// Returns the exception's message, `str(exception)`. For an exception that carries a response,
/// returns its class instead: such a message repeats the response's headers and body, both of which
/// contain a date.
pub(crate) fn message<'a>(exception: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, str>> {
    if exception.is_instance_of::<PyBaseException>() && has_response(exception)? {
        return class_name(exception);
    }
    text(exception).map(truncate)
}

fn has_response(exception: &Bound<'_, PyAny>) -> PyResult<bool> {
    for name in ["headers", "response"] {
        if recover_from_exception(exception.py(), exception.hasattr(name), || false)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn unprintable_placeholder(object: &Bound<'_, PyAny>) -> String {
    format!("<unprintable {}>", type_name(&object.get_type()))
}

fn type_name(class: &Bound<'_, PyType>) -> String {
    class.name().map_or_else(|_| "object".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Returns the longest prefix of at most [`MAX_EXCEPTION_BYTES`] that ends between two characters.
fn truncate(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= MAX_EXCEPTION_BYTES {
        return text;
    }
    let end = (0..=MAX_EXCEPTION_BYTES).rev().find(|&index| text.is_char_boundary(index)).unwrap_or(0);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}
