//! Checks of arguments of Python calls. Errors name the argument, the expected kind and the given
//! value.

use pyo3::{
    exceptions::{PyOverflowError, PyTypeError, PyValueError},
    prelude::*,
    types::{PyByteArray, PyBytes, PyString},
};

/// Returns the strings of a sequence. Rejects a single string, which is itself a sequence of its
/// characters.
pub(crate) fn strings(name: &str, given: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    items(name, "strings", given)
}

/// Returns the numbers of a sequence. Rejects a string, `bytes` and `bytearray`.
pub(crate) fn numbers(name: &str, given: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    items(name, "numbers", given)
}

fn items<T>(name: &str, what: &str, given: &Bound<'_, PyAny>) -> PyResult<Vec<T>>
where
    T: for<'a, 'py> FromPyObject<'a, 'py, Error = PyErr>,
{
    let type_error = |given: String| {
        Err(PyTypeError::new_err(format!("`{name}` must be a sequence of {what}, not {given}")))
    };
    if given.is_instance_of::<PyString>() {
        return type_error("a string".to_owned());
    }
    let bytes = given.is_instance_of::<PyBytes>() || given.is_instance_of::<PyByteArray>();
    let Some(items) = given.try_iter().ok().filter(|_| !bytes) else {
        return type_error(type_name(given));
    };
    let mut extracted = Vec::new();
    for item in items {
        let item = item?;
        match item.extract() {
            Ok(item) => extracted.push(item),
            Err(_) => return type_error(format!("of {}: {}", type_name(&item), item.repr()?)),
        }
    }
    Ok(extracted)
}

/// Returns a whole number from `low` to `high`, or `None` if the argument is absent.
///
/// # Errors
///
/// `TypeError` for a value that is not a whole number, `ValueError` for one out of range.
pub(crate) fn whole_number(
    name: &str,
    given: Option<&Bound<'_, PyAny>>,
    low: u32,
    high: u32,
) -> PyResult<Option<u32>> {
    let Some(given) = given else { return Ok(None) };
    let number: Result<i64, PyErr> = given.extract();
    match number {
        Ok(number) => {
            if let Ok(number) = u32::try_from(number)
                && (low..=high).contains(&number)
            {
                return Ok(Some(number));
            }
        }
        Err(error) if error.is_instance_of::<PyOverflowError>(given.py()) => {}
        Err(_) => {
            return Err(PyTypeError::new_err(format!(
                "`{name}` must be a whole number, not {}",
                type_name(given)
            )));
        }
    }
    Err(PyValueError::new_err(format!("{name} must be {low} to {high}, not {given}")))
}

/// The number of a TCP port.
pub(crate) struct Port(pub(crate) u16);

impl<'py> FromPyObject<'_, 'py> for Port {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Port> {
        let port = whole_number("port", Some(&*object), 0, u32::from(u16::MAX))?;
        Ok(Port(port.and_then(|port| u16::try_from(port).ok()).unwrap_or_default()))
    }
}

fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string_lossy().into_owned())
}
