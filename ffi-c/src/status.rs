//! The status codes of calls.

use std::ffi::c_int;

use crate::{error, ictus_str};

/// Status code of a call. Numbers are never reused; later versions may add new ones, which
/// a program treats as failures.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ictus_status {
    /// Success.
    Ok = 0,
    /// A required pointer is NULL.
    Null = 1,
    /// A length is greater than memory can hold.
    Length = 2,
    /// A string is not UTF-8.
    Utf8 = 3,
    /// A metric or label name is not valid in Prometheus.
    Name = 4,
    /// A family of that name exists with another kind: counter, gauge or timer.
    Mismatch = 5,
    /// The number of label values differs from the number of label names of the family.
    Labels = 6,
    /// A value cannot be recorded: it is NaN, infinite, negative, or 2^94 or more. It is
    /// counted as rejected. A gauge also accepts negative values and values of 2^94 and
    /// more. `ictus_snapshot_quantiles` returns this status for a quantile outside 0 to 1.
    Value = 7,
    /// The operating system reported an error: a directory cannot be created, used or
    /// listed, an address cannot be bound, or an exporter's thread cannot be created.
    Io = 8,
    /// The write callback requested to stop.
    Stopped = 9,
    /// A fault in Ictus itself. No damage is known; please report the fault.
    Internal = 10,
    /// An option has an invalid value, the number of a format, surface or catalogued metric
    /// does not exist, surfaces cannot be shown together, or the path of a directory is empty
    /// or begins with `~`.
    Option = 11,
    /// The snapshot has no series with that name and those label values.
    Unknown = 12,
    /// A string is not an address to listen on.
    Address = 13,
    /// The value was recorded, but its trace id is not 1 to 96 bytes of UTF-8 without control
    /// characters. The id is counted as rejected.
    TraceId = 14,
}

/// Returns the text of a status. The string is static and ends with a NUL, which its length
/// does not count. Accepts every number, including those of later versions.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_status_text(status: c_int) -> ictus_str {
    let one = all_statuses().into_iter().find(|&one| one as c_int == status);
    ictus_str::from_terminated(one.map_or("a status of a later version\0", ictus_status::text))
}

fn all_statuses() -> [ictus_status; 15] {
    use ictus_status::*;
    [
        Ok, Null, Length, Utf8, Name, Mismatch, Labels, Value, Io, Stopped, Internal, Option, Unknown,
        Address, TraceId,
    ]
}

impl ictus_status {
    /// Returns the text of the status, which ends with a NUL.
    pub(crate) fn text(self) -> &'static str {
        match self {
            ictus_status::Ok => "done\0",
            ictus_status::Null => "a pointer that must not be NULL is NULL\0",
            ictus_status::Length => "a length is more than memory can hold\0",
            ictus_status::Utf8 => "a string is not UTF-8\0",
            ictus_status::Name => "a metric or label name that Prometheus rejects\0",
            ictus_status::Mismatch => {
                "a family of that name exists with another kind; use the same kind everywhere, or another \
                 name\0"
            }
            ictus_status::Labels => "the number of label values differs from the number of label names\0",
            ictus_status::Value => {
                "a value that cannot be recorded: NaN, negative, infinite, or 2^94 and more\0"
            }
            ictus_status::Io => {
                "the operating system returned an error: a directory cannot be created, used or listed, or an address cannot be bound\0"
            }
            ictus_status::Stopped => "the write callback asked to stop\0",
            ictus_status::Internal => "a fault in Ictus itself\0",
            ictus_status::Option => {
                "an option with an invalid value, a format or surface that does not exist, surfaces that cannot be shown together (canonical is \
                 shown alone), or a directory whose path is empty or begins with ~\0"
            }
            ictus_status::Unknown => "no series has that name and those label values\0",
            ictus_status::Address => {
                "an invalid address: into_out one like 127.0.0.1:9464, localhost:0 or unix:/run/metrics.sock\0"
            }
            ictus_status::TraceId => {
                "recorded without its exemplar: a trace id has 1 to 96 bytes of UTF-8 and no control characters\0"
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

/// Returns an error if the core rejects this value of a counter or timer. The core itself
/// reports no rejection.
#[inline]
pub(crate) fn check_observation(value: f64) -> Result<(), ictus_status> {
    const LIMIT: f64 = (1u128 << 94) as f64;
    if (0.0..LIMIT).contains(&value) { Ok(()) } else { Err(ictus_status::Value) }
}

/// Returns an error if the core rejects this value of a gauge, which may be negative.
#[inline]
pub(crate) fn check_gauge(value: f64) -> Result<(), ictus_status> {
    if value.is_finite() { Ok(()) } else { Err(ictus_status::Value) }
}

/// Returns whether the core keeps an exemplar with this trace id. The core itself reports no
/// rejection.
#[inline]
pub(crate) fn is_trace_id(id: &str) -> bool {
    (1..=96).contains(&id.len()) && !id.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::{all_statuses, check_observation, ictus_status, ictus_status_text, is_trace_id};
    use ictus::snapshot::Value;
    use std::collections::HashSet;

    #[test]
    fn every_status_has_a_distinct_text() {
        let mut texts = HashSet::new();
        let later = all_statuses().len() as i32;
        for number in [-1, later, i32::MIN, i32::MAX].into_iter().chain(0..later) {
            let text = ictus_status_text(number);
            // SAFETY: a static string.
            let text = unsafe { text.read() }.unwrap();
            assert_eq!(text == "a status of a later version", !(0..later).contains(&number));
            assert!(texts.insert(text) || !(0..later).contains(&number), "{text}");
        }
    }

    #[test]
    fn statuses_agree_with_recorded_values() {
        let limit = 2f64.powi(94);
        let good = [0.0, -0.0, f64::MIN_POSITIVE, 5e-324, 1.0, limit.next_down()];
        let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5e-324, -1.0, limit, f64::MAX];
        let registry = ictus::Registry::new();
        let timer = registry.timer("t", "", &[]).unwrap().labels(&[]).unwrap();
        for value in good {
            timer.observe(value);
            assert_eq!(check_observation(value), Ok(()));
        }
        for value in bad {
            timer.observe(value);
            assert_eq!(check_observation(value), Err(ictus_status::Value));
        }
        let snapshot = registry.snapshot().unwrap();
        let Some(Value::Timer(timing)) = snapshot.family("t").unwrap().get(&[]) else { panic!() };
        assert_eq!(timing.count, good.len() as u64);
    }

    #[test]
    fn statuses_agree_with_recorded_exemplars() {
        let long = ["x".repeat(96), "x".repeat(97), "\u{fc}".repeat(48), "\u{fc}".repeat(49)];
        for id in ["", "4bf92f35", "a b", "\u{fc}", "a\nb", "\0", "\u{85}"]
            .into_iter()
            .chain(long.iter().map(|id| &**id))
        {
            let registry = ictus::Registry::new();
            let timer = registry.timer("t", "", &[]).unwrap().labels(&[]).unwrap();
            timer.observe_with_exemplar(1.0, id);
            let snapshot = registry.snapshot().unwrap();
            let Some(Value::Timer(timing)) = snapshot.family("t").unwrap().get(&[]) else { panic!() };
            assert_eq!(timing.exemplars.len(), usize::from(is_trace_id(id)), "{id:?}");
            assert_eq!(snapshot.health.counts.exemplars, u64::from(!is_trace_id(id)), "{id:?}");
        }
    }

    #[test]
    fn numbers_are_dense() {
        for (index, status) in all_statuses().into_iter().enumerate() {
            assert_eq!(status as usize, index);
        }
    }
}
