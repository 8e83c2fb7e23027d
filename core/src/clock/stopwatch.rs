//! Durations: the time from the start of a measurement to its end.

use super::{
    Stamp, monotonic,
    processor::{calibrate, counter, counts, measures, seconds_a_count},
};

/// The instant at which a measurement began, for [`Timer::observe_since`](crate::Timer::observe_since): of
/// this process, to be kept anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopwatch(Start);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Started at that count; the counter's rate is known.
    Counter(u64),
    /// Started at that nanosecond.
    Monotonic(u64),
}

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    #[inline]
    pub fn start() -> Stopwatch {
        if measures() {
            Stopwatch(Start::Counter(counter()))
        } else {
            Stopwatch(Start::Monotonic(monotonic()))
        }
    }

    /// The instant as a number, for a host that keeps it: what [`from_bits`](Stopwatch::from_bits) takes, in
    /// this process and until it ends.
    #[must_use]
    #[inline]
    pub fn to_bits(self) -> u64 {
        // The highest bit is lost: neither clock comes to it within decades.
        match self.0 {
            Start::Counter(count) => count << 1 | 1,
            Start::Monotonic(nanosecond) => nanosecond << 1,
        }
    }

    /// The instant that a number stands for. Any number is one: of what [`to_bits`](Stopwatch::to_bits) did
    /// not give, the time since then means nothing.
    #[must_use]
    #[inline]
    pub fn from_bits(bits: u64) -> Stopwatch {
        Stopwatch(if bits & 1 == 1 { Start::Counter(bits >> 1) } else { Start::Monotonic(bits >> 1) })
    }

    /// The instant as a stamp: of an observation that ended when this was started.
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
            Start::Monotonic(nanosecond) if !counts() => Stamp(nanosecond),
            // Before the counter's rate is known: now is as near as one can come.
            Start::Monotonic(_) => Stamp::now(),
        }
    }

    /// Seconds since the start, and the stamp of the end. With the counter, one reading is both.
    #[inline]
    pub(crate) fn stop(self) -> (f64, u64) {
        match self.0 {
            Start::Counter(start) => {
                let end = counter();
                (end.saturating_sub(start) as f64 * seconds_a_count(), end)
            }
            Start::Monotonic(start) => {
                let end = monotonic();
                calibrate();
                let stamp = if counts() { counter() } else { end };
                (end.saturating_sub(start) as f64 / 1e9, stamp)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Start, Stopwatch, measures};
    use crate::clock::{counts, now};
    use std::{thread, time::Duration};

    #[test]
    fn a_stopwatch_measures_seconds_before_and_after_it_knows_the_rate() {
        for _ in 0..3 {
            let (watch, instant) = (Stopwatch::start(), std::time::Instant::now());
            thread::sleep(Duration::from_millis(60));
            let (seconds, _) = watch.stop();
            let expected = instant.elapsed().as_secs_f64();
            assert!((seconds - expected).abs() < 0.005, "{watch:?}: {seconds}, not {expected}");
        }
        assert_eq!(counts(), measures());
    }

    #[test]
    fn a_stopwatch_is_a_number_and_back() {
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
