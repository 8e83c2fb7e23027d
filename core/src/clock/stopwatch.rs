//! Durations: the time from the start of a measurement to its end.

use super::{
    Stamp, monotonic,
    processor::{calibrate, measures, read_tsc, seconds_per_tick, uses_tsc},
};

/// The start of a measurement, for [`Timer::observe_since`](crate::Timer::observe_since). It is
/// valid in this process only, and can be stored anywhere.
///
/// ```
/// use ictus::{Registry, Stopwatch};
///
/// let registry = Registry::new();
/// let waits = registry.timer("wait_seconds", "Time in the queue.", &[])?.labels(&[])?;
/// // Put it into the queue together with the message.
/// let queued = Stopwatch::start();
/// let seconds = waits.observe_since(queued);
/// assert!(seconds >= 0.0);
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stopwatch(Start);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Start {
    /// Started at that count; the counter's rate is known.
    Counter(u64),
    /// Started at that nanosecond.
    Monotonic(u64),
}

impl Stopwatch {
    /// Starts a measurement.
    #[must_use]
    #[inline]
    pub fn start() -> Stopwatch {
        if measures() {
            Stopwatch(Start::Counter(read_tsc()))
        } else {
            Stopwatch(Start::Monotonic(monotonic()))
        }
    }

    /// Returns the start as a number, for a host that stores it.
    /// [`from_bits`](Stopwatch::from_bits) accepts it in this process, until the process ends.
    #[must_use]
    #[inline]
    pub fn to_bits(self) -> u64 {
        // The highest bit is lost: neither clock reaches it within decades.
        match self.0 {
            Start::Counter(count) => count << 1 | 1,
            Start::Monotonic(nanosecond) => nanosecond << 1,
        }
    }

    /// Restores a start from a number. Any number is accepted, but the duration since a start that
    /// does not come from [`to_bits`](Stopwatch::to_bits) is meaningless.
    #[must_use]
    #[inline]
    pub fn from_bits(bits: u64) -> Stopwatch {
        Stopwatch(if bits & 1 == 1 { Start::Counter(bits >> 1) } else { Start::Monotonic(bits >> 1) })
    }

    /// Returns the start as a timestamp, for an observation that ended when the stopwatch was
    /// started.
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// # let timer = registry.timer("job_seconds", "", &[])?.labels(&[])?;
    /// let end = ictus::Stopwatch::start();
    /// timer.observe_at(0.25, end.stamp());
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn stamp(self) -> Stamp {
        match self.0 {
            Start::Counter(count) => Stamp(count),
            Start::Monotonic(nanosecond) if !uses_tsc() => Stamp(nanosecond),
            // Before the counter's rate is known, the current timestamp is the best approximation.
            Start::Monotonic(_) => Stamp::now(),
        }
    }

    /// Returns the seconds since the start, and the timestamp of the end. The counter is read once
    /// for both.
    #[inline]
    pub(crate) fn stop(self) -> (f64, u64) {
        match self.0 {
            Start::Counter(start) => {
                let end = read_tsc();
                (end.saturating_sub(start) as f64 * seconds_per_tick(), end)
            }
            Start::Monotonic(start) => {
                let end = monotonic();
                calibrate();
                let stamp = if uses_tsc() { read_tsc() } else { end };
                (end.saturating_sub(start) as f64 / 1e9, stamp)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Start, Stopwatch, measures};
    use crate::clock::{now, uses_tsc};
    use std::{thread, time::Duration};

    #[test]
    fn stopwatch_measures_seconds_before_and_after_calibration() {
        for _ in 0..3 {
            let (watch, instant) = (Stopwatch::start(), std::time::Instant::now());
            thread::sleep(Duration::from_millis(60));
            let (seconds, _) = watch.stop();
            let expected = instant.elapsed().as_secs_f64();
            assert!((seconds - expected).abs() < 0.005, "{watch:?}: {seconds}, not {expected}");
        }
        assert_eq!(uses_tsc(), measures());
    }

    #[test]
    fn stopwatch_round_trips_through_a_number() {
        for start in
            [Start::Counter(0), Start::Monotonic(0), Start::Counter(u64::MAX >> 1), Start::Monotonic(7)]
        {
            assert_eq!(Stopwatch::from_bits(Stopwatch(start).to_bits()), Stopwatch(start));
        }
        let watch = Stopwatch::start();
        let (seconds, end) = Stopwatch::from_bits(watch.to_bits()).stop();
        assert!((0.0..60.0).contains(&seconds) && end <= now(), "{watch:?}: {seconds}");
    }
}
