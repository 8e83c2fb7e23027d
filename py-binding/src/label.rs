//! Python objects as label values: what the SDK's collector would show, never an exception.
//!
//! What objects raise that is no `Exception` passes: an interrupt or an exit is the program's.

use std::{borrow::Cow, sync::OnceLock};

use pyo3::{
    exceptions::{PyBaseException, PyException},
    prelude::*,
    types::{PyString, PyType},
};

/// Exception messages are unbounded; their labels are not.
const MAX_EXCEPTION_BYTES: usize = 200;

/// Returns the result, or a value in its place where it is an `Exception`.
///
/// # Errors
///
/// What was raised and is no `Exception`.
pub(crate) fn unless_raised<T>(
    py: Python<'_>,
    result: PyResult<T>,
    instead: impl FnOnce() -> T,
) -> PyResult<T> {
    match result {
        Err(raised) if raised.is_instance_of::<PyException>(py) => Ok(instead()),
        result => result,
    }
}

/// Returns `str(object)`, without a copy where it is a `str` already. An object whose `__str__` fails is named by
/// its type.
pub(crate) fn text<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, str>> {
    // Exact, because `prometheus_client` calls `str()`, which an enum of strings overrides.
    if let Ok(string) = object.cast_exact::<PyString>() {
        return Ok(characters(string));
    }
    let text = object.str().map(|string| string.to_string_lossy().into_owned());
    unless_raised(object.py(), text, || unprintable(object)).map(Cow::Owned)
}

/// Returns the string's characters. Lone surrogates have no UTF-8, and are replaced.
pub(crate) fn characters<'a>(string: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    string.to_str().map_or_else(|_| string.to_string_lossy(), Cow::Borrowed)
}

/// One object for each HTTP status, of whose texts the SDK makes a new one at each call.
pub(crate) fn code<'a, 'py>(status: &'a Bound<'py, PyAny>) -> &'a Bound<'py, PyAny> {
    static CODES: [OnceLock<Py<PyAny>>; 500] = [const { OnceLock::new() }; 500];
    let Ok(text) = status.cast_exact::<PyString>() else { return status };
    let Ok(&[hundreds @ b'1'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9']) =
        text.to_str().map(str::as_bytes)
    else {
        return status;
    };
    let place = [hundreds - b'1', tens - b'0', ones - b'0'];
    let place = place.into_iter().fold(0, |place, digit| place * 10 + usize::from(digit));
    CODES[place].get_or_init(|| status.clone().unbind()).bind(status.py())
}

/// The exception's class, by the rule that the SDKs share: the bare name of a class or of an
/// instance's class, `None` for none, and anything else is itself.
pub(crate) fn class<'a>(exception: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, str>> {
    let name = if let Ok(class) = exception.cast::<PyType>() {
        Cow::Owned(type_name(class))
    } else if exception.is_instance_of::<PyBaseException>() {
        Cow::Owned(type_name(&exception.get_type()))
    } else {
        text(exception)?
    };
    Ok(cut(name))
}

/// The exception's message, `str(exception)`; its class where it is that of a response, whose headers and body
/// the message repeats: each has a date.
pub(crate) fn message<'a>(exception: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, str>> {
    if exception.is_instance_of::<PyBaseException>() && has_response(exception)? {
        return class(exception);
    }
    text(exception).map(cut)
}

fn has_response(exception: &Bound<'_, PyAny>) -> PyResult<bool> {
    for name in ["headers", "response"] {
        if unless_raised(exception.py(), exception.hasattr(name), || false)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn unprintable(object: &Bound<'_, PyAny>) -> String {
    format!("<unprintable {}>", type_name(&object.get_type()))
}

fn type_name(class: &Bound<'_, PyType>) -> String {
    class.name().map_or_else(|_| "object".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The longest beginning of at most [`MAX_EXCEPTION_BYTES`] that ends between two characters.
fn cut(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= MAX_EXCEPTION_BYTES {
        return text;
    }
    let end = (0..=MAX_EXCEPTION_BYTES).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}
