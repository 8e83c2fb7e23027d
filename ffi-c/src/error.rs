//! The text of each thread's last failed call: the path, the system's error and the remedy.

use std::{cell::RefCell, fmt};

use crate::{ictus_status, ictus_str};

thread_local! {
    static LAST: RefCell<Last> = const { RefCell::new(Last { text: String::new(), is_of_this_call: false }) };
}

/// The last failure of a thread. A text that is not empty ends with a NUL.
struct Last {
    text: String,
    /// Whether the running call has set the text.
    is_of_this_call: bool,
}

/// Returns a description of the calling thread's last failed call, in more detail than its
/// status: the path or address, the system's error and the remedy. Before the first failure
/// the string is empty. It ends with a NUL, which its length does not count.
///
/// The library owns the string. It is valid until the thread's next failed call, or until
/// the thread ends. Calls that return `ICTUS_STATUS_VALUE` or `ICTUS_STATUS_TRACE_ID` do
/// not change it, so that rejected values stay on the fast path.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_error_text() -> ictus_str {
    let text = LAST.try_with(|last| {
        let last = last.try_borrow().ok()?;
        let len = last.text.len().checked_sub(1)?;
        Some(ictus_str { data: last.text.as_ptr().cast(), len })
    });
    text.ok().flatten().unwrap_or(ictus_str::from_terminated("\0"))
}

/// Stores the text of an error for `ictus_error_text`, logs errors of the operating system,
/// and returns the status.
pub(crate) fn keep(error: &dyn fmt::Display, status: ictus_status) -> ictus_status {
    let mut text = error.to_string();
    if status == ictus_status::Io {
        ::log::error!(target: "ictus", "{text}");
    }
    // A NUL inside would end the text for C.
    text.retain(|character| character != '\0');
    text.push('\0');
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = Last { text, is_of_this_call: true };
        }
    });
    status
}

/// Ends a failed call. If the call stored no text, the text of its status takes its place.
#[cold]
pub(crate) fn failed(status: ictus_status) {
    if matches!(status, ictus_status::Value | ictus_status::TraceId) {
        return;
    }
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            if !last.is_of_this_call {
                last.text.clear();
                last.text.push_str(status.text());
            }
            last.is_of_this_call = false;
        }
    });
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{ictus_error_text, keep};
    use crate::{guard::guard, ictus_status};

    fn last() -> String {
        // SAFETY: the text is read before the next call.
        unsafe { ictus_error_text().read() }.unwrap().to_owned()
    }

    #[test]
    fn text_is_of_the_last_failure_of_the_thread() {
        assert_eq!(last(), "");
        guard(|| Err(keep(&"cannot use /a\0b", ictus_status::Option)));
        assert_eq!(last(), "cannot use /ab");
        thread::spawn(|| assert_eq!(last(), "")).join().unwrap();
        guard(|| Ok(()));
        guard(|| Err(ictus_status::Value));
        assert_eq!(last(), "cannot use /ab");
        guard(|| Err(ictus_status::Null));
        assert_eq!(last(), "a pointer that must not be NULL is NULL");
    }
}
