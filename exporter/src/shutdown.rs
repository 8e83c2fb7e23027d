//! Shutdown flag: ends a loop from any thread, without polling.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Instant,
};

/// A flag that ends a [`file::PeriodicWriter`](crate::file::PeriodicWriter); clones share it.
///
/// ```
/// use std::{thread, time::Duration};
///
/// use ictus_exporter::{ShutdownFlag, Source, file::PeriodicWriter};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("jobs.prom");
/// let writer = PeriodicWriter::new(Source::new(directory.path()), &path, Duration::from_secs(10));
/// let stop = ShutdownFlag::new();
/// let writing = thread::spawn({
///     let stop = stop.clone();
///     move || writer.run(&stop)
/// });
/// // The file is written once more at the end.
/// stop.set();
/// writing.join().expect("the writer does not panic");
/// assert!(path.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ShutdownFlag {
    shared: Arc<(Mutex<bool>, Condvar)>,
}

impl ShutdownFlag {
    /// Creates a flag that is not set.
    #[must_use]
    pub fn new() -> ShutdownFlag {
        ShutdownFlag::default()
    }

    /// Sets the flag permanently. Acquires a lock, so it must not be called in a signal handler.
    pub fn set(&self) {
        let (flag, changed) = &*self.shared;
        *flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Returns whether the flag is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until the flag is set.
    pub fn wait(&self) {
        let (flag, changed) = &*self.shared;
        let mut set = flag.lock().unwrap_or_else(PoisonError::into_inner);
        while !*set {
            set = changed.wait(set).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Blocks until the flag is set or the deadline has passed. Returns whether the flag is set.
    #[must_use]
    pub fn wait_until(&self, deadline: Instant) -> bool {
        let (flag, changed) = &*self.shared;
        let mut set = flag.lock().unwrap_or_else(PoisonError::into_inner);
        while !*set {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            set = changed.wait_timeout(set, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::ShutdownFlag;
    use std::{
        thread,
        time::{Duration, Instant},
    };

    #[test]
    fn deadline_passes_without_a_stop() {
        let start = Instant::now();
        assert!(!ShutdownFlag::new().wait_until(start + Duration::from_millis(30)));
        assert!(start.elapsed() >= Duration::from_millis(30));
    }

    #[test]
    fn a_waiter_wakes_when_the_flag_is_set() {
        let stop = ShutdownFlag::new();
        let waiter = thread::spawn({
            let stop = stop.clone();
            move || stop.wait_until(Instant::now() + Duration::from_secs(60))
        });
        stop.set();
        assert!(waiter.join().unwrap());
        assert!(stop.is_set());
        stop.wait();
    }
}
