//! Stamps: monotonic instants that order observations over threads and processes.
//!
//! Where the kernel itself keeps time by the processor's counter, a stamp is the counter (10 ns to
//! read here, against 24 for `clock_gettime`); elsewhere it is CLOCK_MONOTONIC in nanoseconds. All
//! processes of a boot agree on which, and [`source`] goes into the directory's clock epoch.
//! Stamps only order: durations are measured in seconds by [`Stopwatch`].

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
#[cfg(target_arch = "x86_64")]
use std::sync::{OnceLock, atomic::AtomicU8};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// An instant of the clock that orders observations. Comparable within one boot of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub(crate) u64);

impl Stamp {
    /// Now.
    #[must_use]
    #[inline]
    pub fn now() -> Stamp {
        Stamp(now())
    }
}

/// Now, as a stamp.
#[inline]
pub(crate) fn now() -> u64 {
    if counts() { counter() } else { monotonic() }
}

/// CLOCK_MONOTONIC in nanoseconds. Cold: out of the way of the code that reads the counter.
#[cold]
#[inline(never)]
pub(crate) fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// The wall clock in nanoseconds since 1970, 0 before that: says when a segment was made, orders nothing.
pub(crate) fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// How many stamps go into so many nanoseconds. For readers: where the counter's rate is not known
/// yet, this waits for some milliseconds to measure it, to about a hundredth.
pub(crate) fn stamps_in(nanoseconds: u64) -> u64 {
    if !counts() {
        return nanoseconds;
    }
    let known = f64::from_bits(SECONDS_A_COUNT.load(Relaxed));
    let seconds_a_count = if known > 0.0 { known } else { measure(Duration::from_millis(5)) };
    // Saturates: an age of centuries is no age.
    (nanoseconds as f64 / 1e9 / seconds_a_count) as u64
}

/// The name of the clock that makes the stamps.
pub(crate) fn source() -> &'static str {
    if counts() { "tsc" } else { "monotonic" }
}

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
        if counts() && SECONDS_A_COUNT.load(Relaxed) != 0 {
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
                let seconds = f64::from_bits(SECONDS_A_COUNT.load(Relaxed));
                (end.saturating_sub(start) as f64 * seconds, end)
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

/// What one count of the processor's counter lasts, as `f64` bits; 0 until it is known.
static SECONDS_A_COUNT: AtomicU64 = AtomicU64::new(0);

#[cfg(not(target_arch = "x86_64"))]
mod processor {
    /// No counter: the kernel's clock makes the stamps.
    #[inline(always)]
    pub(super) fn counts() -> bool {
        false
    }

    #[inline(always)]
    pub(super) fn counter() -> u64 {
        0
    }

    #[inline(always)]
    pub(super) fn calibrate() {}

    pub(super) fn measure(_: std::time::Duration) -> f64 {
        1e-9
    }
}

#[cfg(target_arch = "x86_64")]
mod processor {
    use super::{AtomicU8, Duration, OnceLock, Relaxed, SECONDS_A_COUNT, monotonic};
    use crate::platform;

    const UNKNOWN: u8 = 0;
    const KERNEL: u8 = 1;
    const COUNTER: u8 = 2;
    static CHOICE: AtomicU8 = AtomicU8::new(UNKNOWN);

    /// Measured over this, two readings of the clocks give the rate to a millionth.
    const LONG_ENOUGH: u64 = 50_000_000;

    /// Whether the counter makes the stamps: only where the kernel trusts it.
    #[inline]
    pub(super) fn counts() -> bool {
        match CHOICE.load(Relaxed) {
            UNKNOWN => choose(),
            choice => choice == COUNTER,
        }
    }

    #[cold]
    fn choose() -> bool {
        let trusted = platform::trusts_processor_counter();
        CHOICE.store(if trusted { COUNTER } else { KERNEL }, Relaxed);
        trusted
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "one instruction that every x86-64 processor has")]
    pub(super) fn counter() -> u64 {
        // SAFETY: reads a register; `rdtsc` is part of the baseline.
        unsafe { core::arch::x86_64::_rdtsc() }
    }

    /// What one count lasts in seconds, measured over so long.
    pub(super) fn measure(over: Duration) -> f64 {
        let start = (counter(), monotonic());
        std::thread::sleep(over);
        let (counts, nanoseconds) = (counter().saturating_sub(start.0), monotonic().saturating_sub(start.1));
        nanoseconds as f64 / 1e9 / counts.max(1) as f64
    }

    /// Learns the counter's rate, once enough time has passed since the first measurement.
    #[cold]
    pub(super) fn calibrate() {
        static FIRST: OnceLock<(u64, u64)> = OnceLock::new();
        if !counts() {
            return;
        }
        let now = (counter(), monotonic());
        let first = FIRST.get_or_init(|| now);
        let (counts, nanoseconds) = (now.0.saturating_sub(first.0), now.1.saturating_sub(first.1));
        if nanoseconds > LONG_ENOUGH && counts > 0 {
            SECONDS_A_COUNT.store((nanoseconds as f64 / 1e9 / counts as f64).to_bits(), Relaxed);
        }
    }
}

use processor::{calibrate, counter, counts, measure};

#[cfg(test)]
mod tests {
    use super::{SECONDS_A_COUNT, Start, Stopwatch, counts, now, stamps_in};
    use std::{sync::atomic::Ordering::Relaxed, thread, time::Duration};

    #[test]
    fn a_stopwatch_measures_seconds_before_and_after_it_knows_the_rate() {
        for _ in 0..3 {
            let (watch, instant) = (Stopwatch::start(), std::time::Instant::now());
            thread::sleep(Duration::from_millis(60));
            let (seconds, _) = watch.stop();
            let expected = instant.elapsed().as_secs_f64();
            assert!((seconds - expected).abs() < 0.005, "{watch:?}: {seconds}, not {expected}");
        }
        assert_eq!(counts(), SECONDS_A_COUNT.load(Relaxed) != 0);
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

    #[test]
    fn stamps_and_nanoseconds_agree() {
        let (start, instant) = (now(), std::time::Instant::now());
        thread::sleep(Duration::from_millis(50));
        let (stamps, nanoseconds) = (now() - start, instant.elapsed().as_nanos() as u64);
        let ratio = stamps as f64 / stamps_in(nanoseconds) as f64;
        assert!((0.9..1.1).contains(&ratio), "{ratio}");
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
