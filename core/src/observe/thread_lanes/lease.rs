//! The shard that a thread leases, and its table, in thread-local variables.

use std::{cell::Cell, sync::atomic::AtomicU64 as StdAtomicU64};

use super::{AttachError, ThreadLanes, table::LaneTable};
use crate::{
    format::series_word::SeriesWord,
    observe::{lane::LaneWriter, process_segments::ProcessSegments, series::Series},
    sync::{
        Ordering::{Acquire, Relaxed},
        thread_local,
    },
    sys::fork,
};

thread_local! {
    /// The table of the shard that this thread leases. It has no destructor, so that a lookup is
    /// one load and works until the very end of the thread.
    static LANES: Cell<&'static LaneTable> = const { Cell::new(&[]) };
    static THREAD_LANES: ThreadLease = const { ThreadLease(Cell::new(None)) };
}

/// Returns the thread's shard when the thread ends.
struct ThreadLease(Cell<Option<&'static ThreadLanes>>);

impl Drop for ThreadLease {
    fn drop(&mut self) {
        if let Some(shard) = self.0.get() {
            // Fails only in a model, where all of a thread's locals are dropped at once.
            let _ = LANES.try_with(|lanes| lanes.set(&[]));
            shard.release();
        }
    }
}

/// Returns this thread's lane of a series, if it has one.
#[inline]
pub(crate) fn lane(id: usize) -> Option<&'static LaneWriter> {
    LANES.with(Cell::get).get(id)?.load(Relaxed)
}

/// A lane that a thread caches.
#[derive(Clone, Copy)]
pub(crate) struct CachedLane {
    lane: &'static LaneWriter,
    /// Another word means another series, or another incarnation of the series.
    word: SeriesWord,
    /// The lease counter of the shard. Another number means another thread's lease; 0 means a
    /// forked child.
    lease: &'static StdAtomicU64,
    number: u64,
}

impl CachedLane {
    /// Returns the lane while it is the thread's lane of the series. Checks everything that ends
    /// this: a fork, the end of the thread's lease, and another thread that takes the lane and
    /// hides it.
    #[inline(always)]
    pub(crate) fn lane(&self) -> Option<&'static LaneWriter> {
        let CachedLane { lane, word, lease, number } = *self;
        (lease.load(Relaxed) == number && lane.shows_series(word)).then_some(lane)
    }
}

/// Returns this thread's lane of a series, for caching. Returns none if the thread has no lane of
/// it, and at the end of the thread.
#[cold]
pub(crate) fn cache_lane(id: usize) -> Option<CachedLane> {
    let shard = THREAD_LANES.try_with(|lease| lease.0.get()).ok()??;
    // Before the lane: if the lane is taken in between, the number does not fit.
    let number = shard.lease.load(Acquire);
    let lane = lane(id)?;
    Some(CachedLane { lane, word: lane.series_word()?, lease: shard.lease, number })
}

/// Calls `write` with this thread's lane of a series. Creates the lane if it is missing.
///
/// This also works in a thread whose thread-locals are destroyed: there it leases a shard for this
/// one call.
#[cold]
pub(crate) fn attach_and_retry<T>(
    series: &Series,
    segments: &ProcessSegments,
    write: impl FnOnce(&LaneWriter) -> T,
) -> Result<T, AttachError> {
    let leased = THREAD_LANES.try_with(|lease| {
        // After a fork, the lease belongs to the parent's thread; the child's first lease replaces
        // it.
        let generation = fork::generation();
        let shard = match lease.0.get() {
            Some(shard) if shard.generation == generation => shard,
            _ => ThreadLanes::acquire(),
        };
        lease.0.set(Some(shard));
        shard
    });
    match leased {
        Ok(shard) => {
            let lane = shard.attach(series, segments);
            // Even if that failed: the shard's other lanes may serve this thread.
            LANES.with(|lanes| lanes.set(shard.table()));
            lane.map(write)
        }
        Err(_) => {
            let shard = ThreadLanes::acquire();
            let result = shard.attach(series, segments).map(write);
            shard.release();
            result
        }
    }
}

/// Makes this thread look up each of its lanes again. Safe in a signal handler.
pub(super) fn forget_lanes() {
    LANES.with(|lanes| lanes.set(&[]));
}

/// Fork handler of a child: its one thread forgets the lanes that it inherited.
pub(crate) extern "C" fn reset_after_fork() {
    LANES.with(|lanes| {
        // In a thread without lanes, do not access `THREAD_LANES`: the access could initialize it here.
        if !lanes.replace(&[]).is_empty() {
            let _ = THREAD_LANES.try_with(|lease| lease.0.get().map(|shard| shard.lease.store(0, Relaxed)));
        }
    });
}
