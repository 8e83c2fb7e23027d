//! The end of the process: observations that are only in memory are written to the metrics
//! directory, if that is possible now.
//!
//! A separate thread writes, because the thread that ends the process may have destroyed
//! thread-local data that the program's logger needs. The ending thread waits for it for at most
//! [`EXIT_TIMEOUT`].

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;

use crate::{observe::Recorder, sys::fork};

const THREAD: &str = "ictus-exit";
/// The maximum delay of the end of the process.
const EXIT_TIMEOUT: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Recorders with a metrics directory.
static RECORDERS: ArcSwapOption<Vec<Weak<Recorder>>> = ArcSwapOption::const_empty();

/// Registers a recorder whose unsaved observations are written when the process ends.
pub(crate) fn watch(recorder: &Arc<Recorder>) {
    RECORDERS.rcu(|recorders| {
        let living = recorders.iter().flat_map(|all| all.iter()).filter(|one| one.strong_count() > 0);
        Some(Arc::new(living.cloned().chain([Arc::downgrade(recorder)]).collect::<Vec<_>>()))
    });
    fork::at_exit(exit);
}

/// Writes the observations that are in no file, of all recorders. Waits [`EXIT_TIMEOUT`] for a file
/// system that hangs, unless no thread can be started. The look-up of the files' names has no limit.
pub(crate) fn save() {
    let recorders = RECORDERS.load_full();
    let living = recorders.iter().flat_map(|all| all.iter()).filter_map(Weak::upgrade);
    let degraded: Vec<_> = living.filter(|recorder| recorder.is_degraded()).collect();
    if degraded.is_empty() {
        return;
    }
    let is_saved = Arc::new(AtomicBool::new(false));
    let save = {
        let (degraded, is_saved) = (degraded.clone(), Arc::clone(&is_saved));
        move || {
            degraded.iter().for_each(|recorder| recorder.save());
            is_saved.store(true, Ordering::Release);
        }
    };
    let started = fork::with_signals_blocked(|| thread::Builder::new().name(THREAD.to_owned()).spawn(save));
    if started.is_err() {
        degraded.iter().for_each(|recorder| recorder.save());
        return;
    }
    let deadline = Instant::now() + EXIT_TIMEOUT;
    // Not a channel: waiting for one needs thread-local data, which may be destroyed.
    while !is_saved.load(Ordering::Acquire) && Instant::now() < deadline {
        thread::sleep(POLL_INTERVAL);
    }
}

extern "C" fn exit() {
    save();
}
