//! A timer bound to one thread, which caches its lane.

use std::{cell::Cell, fmt, marker::PhantomData};

use super::{
    handle::is_valid_observation,
    thread_lanes::{self, CachedLane},
    timer::Timer,
};
use crate::clock::{Stamp, Stopwatch};

/// A [`Timer`] bound to the thread that created it, for the hottest loops.
///
/// It finds the thread's lane without a thread-local lookup, which costs a function call in a
/// shared library. Otherwise it behaves like the timer. [`Timer::local`] creates it. It cannot
/// leave its thread.
///
/// ```
/// # let registry = ictus::Registry::new();
/// # let timer = registry.timer("job_seconds", "", &[])?.labels(&[])?;
/// let local = timer.local();
/// for _ in 0..10 {
///     local.observe(0.25);
/// }
/// # use ictus::snapshot::Value;
/// let snapshot = registry.snapshot()?;
/// let Some(Value::Timer(timing)) = snapshot.family("job_seconds").unwrap().get(&[]) else { panic!() };
/// assert_eq!(timing.count, 10);
/// # Ok::<(), ictus::Error>(())
/// ```
///
/// ```compile_fail
/// # let registry = ictus::Registry::new();
/// # let timer = registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap();
/// let local = timer.local();
/// std::thread::spawn(move || local.observe(0.25));
/// ```
pub struct LocalTimer {
    timer: Timer,
    /// A signal handler may change it while it is read. A mix of both states yields no lane: every
    /// event that changes the lane of a running thread also changes the word.
    cached: Cell<Option<CachedLane>>,
    /// The cached lane belongs to this thread.
    thread: PhantomData<*const ()>,
}

impl Timer {
    /// Returns the same timer, bound to this thread.
    #[must_use]
    pub fn local(&self) -> LocalTimer {
        LocalTimer::new(self.clone())
    }
}

impl LocalTimer {
    fn new(timer: Timer) -> LocalTimer {
        LocalTimer { timer, cached: Cell::new(None), thread: PhantomData }
    }

    /// Records one observation, as [`Timer::observe`].
    #[inline]
    pub fn observe(&self, value: f64) {
        self.observe_at(value, Stamp::now());
    }

    /// Records one observation that ended at `stamp`, as [`Timer::observe_at`].
    #[inline]
    pub fn observe_at(&self, value: f64, stamp: Stamp) {
        if is_valid_observation(value)
            && let Some(cached) = self.cached.get()
            && let Some(lane) = cached.lane()
            && lane.observe_fast(value, stamp.0)
        {
            return;
        }
        self.observe_slow(value, stamp);
    }

    /// Records the time since a measurement began, as [`Timer::observe_since`]. Returns it in
    /// seconds.
    #[inline]
    pub fn observe_since(&self, begun: Stopwatch) -> f64 {
        let (seconds, end) = begun.stop();
        self.observe_at(seconds, Stamp(end));
        seconds
    }

    #[cold]
    #[inline(never)]
    fn observe_slow(&self, value: f64, stamp: Stamp) {
        self.timer.observe_at(value, stamp);
        self.cached.set(thread_lanes::cache_lane(self.timer.id()));
    }
}

impl fmt::Debug for LocalTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTimer").field("timer", &self.timer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, thread};

    use super::LocalTimer;
    use crate::{Registry, Timer, snapshot::Value};

    fn timer(registry: &Registry, series: &str) -> Timer {
        registry.timer("job_seconds", "", &["series"]).unwrap().labels(&[series]).unwrap()
    }

    /// Returns the count and the newest value of a series.
    fn shown(registry: &Registry, series: &str) -> Option<(u64, f64)> {
        match registry.snapshot().unwrap().family("job_seconds")?.get(&[series])? {
            Value::Timer(timing) => Some((timing.count, timing.window.last().unwrap())),
            Value::Counter(_) | Value::Gauge(_) => None,
        }
    }

    #[test]
    fn observations_are_those_of_the_timer() {
        let registry = Registry::new();
        let timer = timer(&registry, "a");
        let local = timer.local();
        for number in 1..=3000_u32 {
            match number % 2 {
                0 => timer.observe(f64::from(number)),
                _ => local.observe(f64::from(number)),
            }
        }
        local.observe(f64::NAN);
        local.observe(-1.0);
        assert_eq!(shown(&registry, "a"), Some((3000, 3000.0)));
        let counts = registry.snapshot().unwrap().health.counts;
        assert_eq!((counts.nan, counts.negative), (1, 1));
        let Some(Value::Timer(timing)) =
            registry.snapshot().unwrap().family("job_seconds").unwrap().get(&["a"]).cloned()
        else {
            panic!()
        };
        let newest: Vec<f64> = timing.window.observations().iter().map(|one| one.value).collect();
        assert_eq!(newest, (2001..=3000).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn removed_series_and_next_owner_of_its_lane_are_not_written() {
        let registry = Registry::new();
        let removed = timer(&registry, "removed").local();
        removed.observe(1.0);
        removed.observe(2.0);
        assert!(registry.timer("job_seconds", "", &["series"]).unwrap().remove(&["removed"]).unwrap());
        removed.observe(3.0);
        // In the lane of the previous series.
        let next = timer(&registry, "next").local();
        (0..3).for_each(|_| next.observe(4.0));
        removed.observe(5.0);
        assert_eq!(shown(&registry, "removed"), None);
        assert_eq!(shown(&registry, "next"), Some((3, 4.0)));
        assert_eq!(registry.snapshot().unwrap().health.counts.removed, 2);
    }

    #[test]
    fn expired_series_restarts() {
        let registry = Registry::new();
        let local = timer(&registry, "a").local();
        local.observe(1.0);
        local.observe(2.0);
        (0..2).for_each(|_| _ = registry.remove_idle(std::time::Duration::ZERO).unwrap());
        assert_eq!(shown(&registry, "a"), None);
        local.observe(3.0);
        local.observe(4.0);
        assert_eq!(shown(&registry, "a"), Some((2, 4.0)));
    }

    #[test]
    fn each_thread_has_a_lane_and_releases_it_at_its_end() {
        thread_local! {
            // Dropped, and used for the last time, after the thread has returned its lanes.
            static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
        }
        struct Last(LocalTimer);
        impl Drop for Last {
            fn drop(&mut self) {
                (0..200).for_each(|_| self.0.observe(2.0));
            }
        }
        let registry = Registry::new();
        let timer = timer(&registry, "a");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let timer = timer.clone();
                        thread::spawn(move || {
                            LAST.with(|last| {
                                let local = timer.local();
                                (0..200).for_each(|_| local.observe(1.0));
                                *last.borrow_mut() = Some(Last(local));
                            });
                        })
                        .join()
                        .unwrap();
                    }
                });
            }
        });
        assert_eq!(shown(&registry, "a").unwrap().0, 8 * 50 * 400);
        assert_eq!(registry.snapshot().unwrap().health.counts.reentered, 0);
    }
}
