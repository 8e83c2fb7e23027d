//! What a call answers.

use std::ffi::c_int;

use crate::{error, ictus_str};

/// What a call answers. Numbers are never reused; later versions may add some.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ictus_status {
    /// It is done.
    Ok = 0,
    /// A pointer that must not be NULL is NULL.
    Null = 1,
    /// A length is more than memory can hold.
    Length = 2,
    /// A string is not UTF-8.
    Utf8 = 3,
    /// A metric or label name that Prometheus would not take.
    Name = 4,
    /// A family of that name exists with another kind.
    Mismatch = 5,
    /// Another number of label values than the family has label names.
    Labels = 6,
    /// A value that cannot be recorded: NaN, negative, infinite, or 2^94 and more. It was counted
    /// as rejected.
    Value = 7,
    /// The operating system refused: a directory that cannot be made, used or listed, an address
    /// that cannot be bound.
    Io = 8,
    /// The write callback asked to stop.
    Stopped = 9,
    /// A fault in Ictus itself. Nothing is known to be damaged; please report it.
    Internal = 10,
    /// A format or surface that does not exist, surfaces that cannot be shown together, or a
    /// directory whose path is empty or begins with `~`.
    Option = 11,
    /// No series has that name and those label values.
    Unknown = 12,
    /// An address that is none.
    Address = 13,
}

/// A status in words, in static memory. Takes any number.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_status_text(status: c_int) -> ictus_str {
    let known = every().into_iter().find(|&known| known as c_int == status);
    ictus_str::from_terminated(known.map_or("a status of a later version\0", ictus_status::text))
}

fn every() -> [ictus_status; 14] {
    use ictus_status::*;
    [Ok, Null, Length, Utf8, Name, Mismatch, Labels, Value, Io, Stopped, Internal, Option, Unknown, Address]
}

impl ictus_status {
    /// Ends with a NUL.
    pub(crate) fn text(self) -> &'static str {
        match self {
            ictus_status::Ok => "done\0",
            ictus_status::Null => "a pointer that must not be NULL is NULL\0",
            ictus_status::Length => "a length is more than memory can hold\0",
            ictus_status::Utf8 => "a string is not UTF-8\0",
            ictus_status::Name => "a metric or label name that Prometheus would not take\0",
            ictus_status::Mismatch => {
                "a family of that name exists with another kind; use the same kind everywhere, or another \
                 name\0"
            }
            ictus_status::Labels => "another number of label values than the family has label names\0",
            ictus_status::Value => {
                "a value that cannot be recorded: NaN, negative, infinite, or 2^94 and more\0"
            }
            ictus_status::Io => {
                "the operating system refused: a directory cannot be made, used or listed, or an address bound\0"
            }
            ictus_status::Stopped => "the write callback asked to stop\0",
            ictus_status::Internal => "a fault in Ictus itself\0",
            ictus_status::Option => {
                "a format or surface that does not exist, surfaces that cannot be shown together (canonical is \
                 shown alone), or a directory whose path is empty or begins with ~\0"
            }
            ictus_status::Unknown => "no series has that name and those label values\0",
            ictus_status::Address => {
                "an address that is none: give one like 127.0.0.1:9464, localhost:0 or unix:/run/metrics.sock\0"
            }
        }
    }
}

impl From<ictus::Error> for ictus_status {
    fn from(error: ictus::Error) -> ictus_status {
        let status = match error {
            ictus::Error::Name { .. } => ictus_status::Name,
            ictus::Error::Mismatch { .. } => ictus_status::Mismatch,
            ictus::Error::LabelCount { .. } => ictus_status::Labels,
            ictus::Error::Io { .. } => ictus_status::Io,
            ictus::Error::Option { .. } | ictus::Error::SurfaceConflict => ictus_status::Option,
            _ => ictus_status::Internal,
        };
        error::keep(&error, status)
    }
}

/// Whether the core recorded a value that it was given, which it does not say itself.
#[inline]
pub(crate) fn recorded(value: f64) -> Result<(), ictus_status> {
    const LIMIT: f64 = (1u128 << 94) as f64;
    if (0.0..LIMIT).contains(&value) { Ok(()) } else { Err(ictus_status::Value) }
}

/// The same of a gauge's state, which may be negative.
#[inline]
pub(crate) fn recorded_state(value: f64) -> Result<(), ictus_status> {
    if value.is_finite() { Ok(()) } else { Err(ictus_status::Value) }
}

#[cfg(test)]
mod tests {
    use super::{every, ictus_status, ictus_status_text, recorded};
    use ictus::snapshot::Value;
    use std::collections::HashSet;

    #[test]
    fn every_status_has_a_text_of_its_own() {
        let mut texts = HashSet::new();
        let later = every().len() as i32;
        for number in [-1, later, i32::MIN, i32::MAX].into_iter().chain(0..later) {
            let text = ictus_status_text(number);
            // SAFETY: a static string.
            let text = unsafe { text.read() }.unwrap();
            assert_eq!(text == "a status of a later version", !(0..later).contains(&number));
            assert!(texts.insert(text) || !(0..later).contains(&number), "{text}");
        }
    }

    #[test]
    fn what_is_said_to_be_recorded_is_what_the_core_records() {
        let limit = 2f64.powi(94);
        let good = [0.0, -0.0, f64::MIN_POSITIVE, 5e-324, 1.0, limit.next_down()];
        let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5e-324, -1.0, limit, f64::MAX];
        let registry = ictus::Registry::new();
        let timer = registry.timer("t", "", &[]).unwrap().labels(&[]).unwrap();
        for value in good {
            timer.observe(value);
            assert_eq!(recorded(value), Ok(()));
        }
        for value in bad {
            timer.observe(value);
            assert_eq!(recorded(value), Err(ictus_status::Value));
        }
        let snapshot = registry.snapshot().unwrap();
        let Some(Value::Timer(timing)) = snapshot.family("t").unwrap().get(&[]) else { panic!() };
        assert_eq!(timing.count, good.len() as u64);
    }

    #[test]
    fn numbers_are_dense() {
        for (place, status) in every().into_iter().enumerate() {
            assert_eq!(status as usize, place);
        }
    }
}
