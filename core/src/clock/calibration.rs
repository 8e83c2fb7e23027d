//! Calibration of the processor's counter: seconds per count, by the kernel's clock.
//!
//! A thread can be stopped for any time between two instructions: by the scheduler, by another load
//! on the processor, or together with the whole machine. So the counter is read between two
//! readings of the kernel's clock, which bound the distance between the two, and the tightest of
//! several such readings is used.
//!
//! A rate is accepted only if the readings at both ends are tight compared with the time between
//! them. Until then the kernel's clock measures durations. Later readings check the rate.

use std::{thread, time::Duration};

use super::{monotonic, processor::read_tsc};

/// The counter and the kernel's clock at one instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockReading {
    pub(super) count: u64,
    pub(super) nanosecond: u64,
    /// Maximum distance between the two readings, in nanoseconds.
    pub(super) uncertainty: u64,
}

/// A reading with at most this uncertainty was not interrupted, so no further attempt is needed.
const TIGHT: u64 = 100;
const MAX_ATTEMPTS: usize = 10;
/// Minimum time over which a rate is measured, in nanoseconds.
const MIN_SPAN: u64 = 50_000_000;
/// Maximum relative error of an accepted rate.
const MAX_ERROR: f64 = 1e-4;
/// Maximum relative difference between two measurements of the same rate. The kernel's clock is
/// slewed by up to 500 in a million to follow the time of day.
const MAX_CHANGE: f64 = 1e-3;

/// Reads both clocks.
pub(super) fn read_clocks() -> ClockReading {
    tightest(|| {
        let nanosecond = monotonic();
        let count = read_tsc();
        ClockReading { count, nanosecond, uncertainty: monotonic().saturating_sub(nanosecond) }
    })
}

/// Returns the tightest of several readings.
fn tightest(mut read: impl FnMut() -> ClockReading) -> ClockReading {
    let mut best = read();
    for _ in 1..MAX_ATTEMPTS {
        if best.uncertainty <= TIGHT {
            break;
        }
        let next = read();
        if next.uncertainty < best.uncertainty {
            best = next;
        }
    }
    ClockReading { nanosecond: best.nanosecond + best.uncertainty / 2, ..best }
}

/// Returns the rate between two readings in seconds per count, and its relative error. Returns
/// `None` if the readings do not determine it.
fn rate(first: ClockReading, second: ClockReading) -> Option<(f64, f64)> {
    let counts = second.count.checked_sub(first.count)?;
    let nanoseconds = second.nanosecond.checked_sub(first.nanosecond)?;
    if counts == 0 || nanoseconds == 0 {
        return None;
    }
    let uncertainty = first.uncertainty.saturating_add(second.uncertainty);
    Some((nanoseconds as f64 / 1e9 / counts as f64, uncertainty as f64 / 2.0 / nanoseconds as f64))
}

/// Measures the rate with an error of about one percent. Waits for about a millisecond.
pub(super) fn measure_roughly() -> f64 {
    let first = read_clocks();
    let mut best = (1e-9, f64::INFINITY);
    for _ in 0..MAX_ATTEMPTS {
        thread::sleep(Duration::from_millis(1));
        match rate(first, read_clocks()) {
            Some(measured) if measured.1 < best.1 => best = measured,
            _ => {}
        }
        if best.1 < 0.01 {
            break;
        }
    }
    best.0
}

/// The state of the calibration.
#[derive(Debug)]
pub(super) struct Calibration {
    /// The first reading of the current measurement.
    first: Option<ClockReading>,
    rate: Option<f64>,
    /// A measured rate that contradicts the accepted one.
    doubt: Option<f64>,
}

impl Calibration {
    pub(super) const fn new() -> Calibration {
        Calibration { first: None, rate: None, doubt: None }
    }

    /// Returns the seconds per count, or `None` if the rate is unknown or in doubt.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Updates the rate from a reading that is newer than all before.
    pub(super) fn learn(&mut self, reading: ClockReading) {
        let Some(first) = self.first else { return self.first = Some(reading) };
        let span = reading.nanosecond.saturating_sub(first.nanosecond);
        let Some((measured, error)) = rate(first, reading) else {
            // The counter went back: it was reset while the machine slept.
            return self.first = Some(reading);
        };
        if span < MIN_SPAN || error > MAX_ERROR {
            // A tighter first reading, or more time, improves the measurement.
            if reading.uncertainty < first.uncertainty && error > MAX_ERROR {
                self.first = Some(reading);
            }
            return;
        }
        let agrees = |other: f64| (measured / other - 1.0).abs() <= MAX_CHANGE;
        match (self.rate, self.doubt) {
            (None, None) => self.rate = Some(measured),
            (Some(agreeing), _) if agrees(agreeing) => (self.rate, self.doubt) = (Some(measured), None),
            // Once: the machine slept, which the kernel's clock leaves out. Twice: it is another
            // counter.
            (Some(_), None) => (self.doubt, self.first) = (Some(measured), Some(reading)),
            (_, Some(doubted)) if agrees(doubted) => (self.rate, self.doubt) = (Some(measured), None),
            (_, Some(_)) => (self.rate, self.doubt, self.first) = (None, Some(measured), Some(reading)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Calibration, ClockReading, MAX_ATTEMPTS, read_clocks, tightest};

    /// Returns a reading of a counter with `counts` counts per nanosecond, with that uncertainty.
    fn at(nanosecond: u64, counts: f64, uncertainty: u64) -> ClockReading {
        ClockReading { count: 1_000 + (nanosecond as f64 * counts) as u64, nanosecond, uncertainty }
    }

    fn counts(calibration: &Calibration) -> Option<f64> {
        calibration.rate().map(|seconds| 1e-9 / seconds)
    }

    const MILLISECOND: u64 = 1_000_000;
    const SECOND: u64 = 1_000 * MILLISECOND;

    #[test]
    fn interrupted_reading_is_discarded() {
        let mut pauses = [45 * MILLISECOND, 45 * MILLISECOND, 80, 3].into_iter();
        let best = tightest(|| at(SECOND, 2.5, pauses.next().unwrap()));
        assert_eq!((best.uncertainty, pauses.next()), (80, Some(3)));
        let mut reads = 0;
        let best = tightest(|| {
            reads += 1;
            at(0, 2.5, 1000 - reads)
        });
        assert_eq!((best.uncertainty, reads), (1000 - MAX_ATTEMPTS as u64, MAX_ATTEMPTS as u64));
    }

    #[test]
    fn rate_is_used_once_it_is_precise() {
        let mut calibration = Calibration::new();
        calibration.learn(at(0, 2.5, 45 * MILLISECOND));
        calibration.learn(at(60 * MILLISECOND, 2.5, 80));
        assert_eq!(counts(&calibration), None, "the pause at the beginning");
        calibration.learn(at(100 * MILLISECOND, 2.5, 80));
        assert_eq!(counts(&calibration), None, "too short a time since then");
        calibration.learn(at(200 * MILLISECOND, 2.5, 45 * MILLISECOND));
        assert_eq!(counts(&calibration), None, "the pause at the end");
        calibration.learn(at(250 * MILLISECOND, 2.5, 80));
        assert!((counts(&calibration).unwrap() - 2.5).abs() < 1e-6);
    }

    #[test]
    fn imprecise_readings_leave_durations_to_the_kernel() {
        let mut calibration = Calibration::new();
        (0..100).for_each(|n| calibration.learn(at(n * SECOND / 10, 2.5, 10 * MILLISECOND)));
        assert_eq!(counts(&calibration), None);
    }

    #[test]
    fn rate_is_replaced_after_two_contradictions() {
        let mut calibration = Calibration::new();
        (0..3).for_each(|n| calibration.learn(at(n * SECOND, 2.5, 80)));
        // The counter ran for an hour in which the kernel's clock stood still.
        let mut slept = at(3 * SECOND, 2.5, 80);
        slept.count += 9_000_000_000_000;
        calibration.learn(slept);
        assert!((counts(&calibration).unwrap() - 2.5).abs() < 1e-6);
        for n in 4..7 {
            let mut later = at(n * SECOND, 2.5, 80);
            later.count += 9_000_000_000_000;
            calibration.learn(later);
            assert!((counts(&calibration).unwrap() - 2.5).abs() < 1e-6);
        }
        // A counter with another rate, as after a move to another machine.
        for n in 7..10 {
            let mut moved = at(n * SECOND, 3.0, 80);
            moved.count += 90_000_000_000_000;
            calibration.learn(moved);
        }
        assert!((counts(&calibration).unwrap() - 3.0).abs() < 1e-6);
    }

    #[test]
    fn disagreeing_rates_leave_durations_to_the_kernel() {
        let (mut calibration, mut count) = (Calibration::new(), 0);
        for n in 0..20 {
            count += 1_000_000_000 + n * n * 100_000_000;
            calibration.learn(ClockReading { count, nanosecond: n * SECOND, uncertainty: 80 });
        }
        assert_eq!(counts(&calibration), None);
    }

    #[test]
    fn a_counter_that_was_reset_is_measured_again() {
        let mut calibration = Calibration::new();
        (1..4).for_each(|n| calibration.learn(at(n * SECOND, 2.5, 80)));
        let reset = |n: u64| ClockReading { count: n * 100, ..at(n * SECOND, 2.5, 80) };
        calibration.learn(ClockReading { count: 5, ..reset(4) });
        assert!((counts(&calibration).unwrap() - 2.5).abs() < 1e-6);
    }

    #[test]
    fn real_readings_are_precise() {
        let reading = read_clocks();
        assert!(reading.uncertainty < 100 * MILLISECOND, "{reading:?}");
    }
}
