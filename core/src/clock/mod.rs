//! Clocks: timestamps that order observations, durations, and the wall clock.
//!
//! If the kernel itself uses the processor's counter, a timestamp is the counter (10 ns to read
//! here, compared with 24 for `clock_gettime`). Otherwise it is CLOCK_MONOTONIC in nanoseconds. All
//! processes of a boot make the same choice, and [`source`] is a part of the directory's clock
//! epoch. Timestamps only order: [`Stopwatch`] measures durations, in seconds.

mod anchor;
#[cfg(target_arch = "x86_64")]
mod calibration;
pub(crate) mod epoch_clocks;
mod identity;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_counter.rs"]
mod processor;
#[cfg(target_arch = "x86_64")]
#[path = "tsc.rs"]
mod processor;
mod stopwatch;

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

pub use stopwatch::Stopwatch;

pub(crate) use anchor::Anchor;
pub(crate) use identity::ClockIdentity;
pub(crate) use processor::calibrate;
#[cfg(feature = "read")]
pub(crate) use processor::seconds_a_stamp;
use processor::{read_tsc, seconds_per_tick, uses_tsc};

/// A timestamp of the clock that orders observations. Timestamps of one boot of one machine are
/// comparable.
///
/// ```
/// use ictus::{Registry, Stamp};
///
/// let registry = Registry::new();
/// let jobs = registry.timer("job_seconds", "", &[])?.labels(&[])?;
/// let end = Stamp::now();
/// // Recorded later, with the time at which the job ended.
/// jobs.observe_at(0.25, end);
/// assert!(Stamp::now() >= end);
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub(crate) u64);

impl Stamp {
    /// Returns the current timestamp.
    #[must_use]
    #[inline]
    pub fn now() -> Stamp {
        Stamp(now())
    }
}

/// Returns the current timestamp as a number.
#[inline]
pub(crate) fn now() -> u64 {
    if uses_tsc() { read_tsc() } else { monotonic() }
}

/// Returns CLOCK_MONOTONIC in nanoseconds. Cold, to keep it out of the code that reads the counter.
#[cold]
#[inline(never)]
pub(crate) fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// Returns the nanoseconds since the system was started, which no change of the wall clock affects.
pub(crate) fn since_boot() -> u64 {
    crate::sys::since_boot().unwrap_or_else(monotonic)
}

/// Returns the wall clock in nanoseconds since 1970, or 0 before 1970. It may be set back, so it
/// orders nothing within an epoch.
pub(crate) fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Returns the seconds per clock tick, or 0 if this process has not measured the rate precisely.
fn rate_of_stamps() -> f64 {
    if uses_tsc() { seconds_per_tick() } else { 1e-9 }
}

/// Returns the name of the clock that makes the timestamps.
pub(crate) fn source() -> &'static str {
    if uses_tsc() { "tsc" } else { "monotonic" }
}

#[cfg(test)]
mod tests {
    use super::{now, seconds_a_stamp};
    use std::{
        thread,
        time::{Duration, Instant},
    };

    #[test]
    fn stamps_and_seconds_agree() {
        let (start, instant) = (now(), Instant::now());
        thread::sleep(Duration::from_millis(50));
        let (stamps, seconds) = (now() - start, instant.elapsed().as_secs_f64());
        let ratio = stamps as f64 * seconds_a_stamp() / seconds;
        assert!((0.9..1.1).contains(&ratio), "{ratio}");
    }

    #[test]
    fn stamps_are_converted_without_waiting() {
        seconds_a_stamp();
        let instant = Instant::now();
        (0..1_000).for_each(|_| assert!(seconds_a_stamp() > 0.0));
        assert!(instant.elapsed() < Duration::from_millis(5), "{:?}", instant.elapsed());
    }

    #[test]
    fn stamps_do_not_go_back_from_thread_to_thread() {
        let mut last = now();
        for _ in 0..1000 {
            let next = thread::scope(|scope| scope.spawn(now).join()).unwrap();
            assert!(next >= last);
            last = next;
        }
    }
}
