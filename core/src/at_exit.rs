//! The end of the process: what only its memory holds is written to the metrics directory, if that is possible now.
//!
//! A thread of its own writes: the one that ends the process may have destroyed its thread-local data, which
//! the program's logger may need. It is waited for, but not for long.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;

use crate::{observe::Recorder, sys::fork};

const THREAD: &str = "ictus-exit";
/// How long the end of the process is delayed, at most.
const EXIT_TIMEOUT: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Those that record in a directory.
static RECORDERS: ArcSwapOption<Vec<Weak<Recorder>>> = ArcSwapOption::const_empty();

/// Has what a recorder holds written when the process ends.
pub(crate) fn watch(recorder: &Arc<Recorder>) {
    RECORDERS.rcu(|recorders| {
        let living = recorders.iter().flat_map(|all| all.iter()).filter(|one| one.strong_count() > 0);
        Some(Arc::new(living.cloned().chain([Arc::downgrade(recorder)]).collect::<Vec<_>>()))
    });
    fork::at_exit(exit);
}

/// Writes what no file has, of all recorders. Takes no longer than [`EXIT_TIMEOUT`] where a file system hangs.
pub(crate) fn save() {
    // How many are done, of all calls: a thread that is late counts for nothing that is waited for.
    static DONE: AtomicU32 = AtomicU32::new(0);
    let recorders = RECORDERS.load_full();
    let living = recorders.iter().flat_map(|all| all.iter()).filter_map(Weak::upgrade);
    let degraded: Vec<_> = living.filter(|recorder| recorder.is_degraded()).collect();
    if degraded.is_empty() {
        return;
    }
    let before = DONE.load(Ordering::Acquire);
    let save = {
        let degraded = degraded.clone();
        move || {
            degraded.iter().for_each(|recorder| recorder.save());
            DONE.fetch_add(1, Ordering::Release);
        }
    };
    let started = fork::with_signals_blocked(|| thread::Builder::new().name(THREAD.to_owned()).spawn(save));
    if started.is_err() {
        degraded.iter().for_each(|recorder| recorder.save());
        return;
    }
    let deadline = Instant::now() + EXIT_TIMEOUT;
    while DONE.load(Ordering::Acquire) == before && Instant::now() < deadline {
        thread::sleep(POLL_INTERVAL);
    }
}

extern "C" fn exit() {
    save();
}
