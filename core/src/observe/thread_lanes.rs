//! Threads and their lanes: a `ThreadLanes`, also called a shard, holds the lanes of one thread at
//! a time.
//!
//! A thread leases a shard at its first observation and returns it when it ends. The next thread
//! adopts the shard with all its lanes. A thousand short-lived threads therefore cost the memory of
//! the maximum that ran at once. Shards are never freed. A forked child starts without shards: it
//! must not write its parent's lanes.
//!
//! Any thread may end the lanes of a series. It takes them out of the shards' tables, hides them
//! from readers, and returns them to their shards. Only the thread that leases a shard creates new
//! lanes from them, so a lane never has two writers. The fast path of an observation needs no check
//! for this: if the lane is not in the table, the slow path creates one.

use std::{
    cell::Cell,
    fmt, iter,
    sync::{Arc, Mutex, TryLockError, atomic::AtomicU64 as StdAtomicU64},
};

use super::{
    handle::MAX_ATTEMPTS, lane::LaneWriter, lane_pool::LanePool, recorder::Recorder, series::Series,
};
use crate::{
    format::{
        layout::{BLOCK_LANES, Block, HealthCounter, Lines as _},
        series_word::SeriesWord,
    },
    sync::{
        AtomicBool,
        Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
        fence, process_wide,
        static_ref::AtomicOptionRef,
        thread_local,
    },
    sys::{fork, wiped},
};

/// Length of a thread's first table. In models it is 1, so that the table grows at once.
const MIN_TABLE_LEN: usize = if cfg!(ictus_loom) { 1 } else { 64 };

/// A thread's lanes by series id.
type LaneTable = [AtomicOptionRef<LaneWriter>];

thread_local! {
    /// The table of the shard that this thread leases. It has no destructor, so that a lookup is
    /// one load and works until the very end of the thread.
    static LANES: Cell<&'static LaneTable> = const { Cell::new(&[]) };
    static THREAD_LANES: ThreadLease = const { ThreadLease(Cell::new(None)) };
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

process_wide! {
    /// All shards, newest first. A shard is never removed from the list.
    static SHARDS: AtomicOptionRef<ThreadLanes> = AtomicOptionRef::null();
}

struct ThreadLanes {
    /// Only a process of this fork generation may lease the shard.
    generation: u32,
    leased: AtomicBool,
    /// The number of the lease, in memory that is wiped in a child. The number also changes when
    /// lanes are parked.
    lease: &'static StdAtomicU64,
    table: AtomicOptionRef<LaneTableRef>,
    /// Only the leasing thread locks it; the lock proves that to the compiler.
    stock: Mutex<LanePool>,
    /// Lanes that other threads took out of the table.
    taken: AtomicOptionRef<LaneWriter>,
    /// Lanes in segments that were left. They stay published but are not written any more.
    parked: AtomicOptionRef<LaneWriter>,
    /// Number of times that its thread took the slow path, where it is inside no observation.
    visits: StdAtomicU64,
    next: AtomicOptionRef<ThreadLanes>,
}

struct LaneTableRef(&'static LaneTable);

impl fmt::Debug for ThreadLanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadLanes").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// The reason why a series has no lane.
#[derive(Debug)]
pub(crate) enum AttachError {
    /// The observation is rejected.
    Rejected(HealthCounter),
    /// The incarnation of the series has ended.
    SeriesEnded,
}

impl ThreadLanes {
    fn acquire() -> &'static ThreadLanes {
        let generation = fork::generation();
        for shard in shards() {
            let free = shard.generation == generation && !shard.leased.load(Relaxed);
            // Acquire, pairs with the release of `release`: all writes of the previous thread are
            // visible.
            if free && !shard.leased.swap(true, Acquire) {
                return shard;
            }
        }
        let shard: &'static ThreadLanes = Box::leak(Box::new(ThreadLanes {
            generation,
            leased: AtomicBool::new(true),
            lease: first_lease(),
            table: AtomicOptionRef::null(),
            stock: Mutex::default(),
            taken: AtomicOptionRef::null(),
            parked: AtomicOptionRef::null(),
            visits: StdAtomicU64::new(0),
            next: AtomicOptionRef::null(),
        }));
        let mut newest = SHARDS.load(Acquire);
        loop {
            shard.next.store(newest, Relaxed);
            match SHARDS.compare_exchange(newest, Some(shard), Release) {
                Ok(()) => return shard,
                Err(other) => newest = other,
            }
        }
    }

    fn release(&self) {
        // Invalidate the lanes that the thread has cached.
        self.lease.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // No allocation, no lock: this runs in thread-local destructors. A forked child never
        // leases the shard again, because its generation has passed.
        self.leased.store(false, Release);
    }

    fn table(&self) -> &'static LaneTable {
        self.table.load(Relaxed).map_or(&[], |table| table.0)
    }

    /// Returns a table that has an index for that series id. The length doubles, so that all tables
    /// of a shard together cost twice the last one.
    fn grown_table(&self, id: usize) -> &'static LaneTable {
        let old = self.table();
        if id < old.len() {
            return old;
        }
        let length = (id + 1).next_power_of_two().max(MIN_TABLE_LEN);
        // A child whose fork ran no handler must find no lane in the table that its one thread has
        // cached.
        let new: &'static LaneTable = AtomicOptionRef::wiped(length);
        for (to, from) in iter::zip(new, old) {
            to.store(from.load(Relaxed), Relaxed);
        }
        let table: &'static LaneTableRef = Box::leak(Box::new(LaneTableRef(new)));
        self.table.store(Some(table), Release);
        // "take": either a thread that takes a lane out of the old table sees the new one, or this
        // thread sees the removal.
        fence(SeqCst);
        for (to, from) in iter::zip(table.0, old) {
            if from.load(Relaxed).is_none()
                && let Some(lane) = to.load(Relaxed)
            {
                // The other thread may take it from here as well.
                let _ = to.compare_exchange(Some(lane), None, Relaxed);
            }
        }
        table.0
    }

    /// Takes the lane of an incarnation of a series out of the table. May be called from any
    /// thread.
    fn detach_lane(&self, id: usize, life: u64) -> Option<&'static LaneWriter> {
        let mut taken: Option<&'static LaneWriter> = None;
        let mut table = self.table.load(Acquire);
        loop {
            if let Some(slot) = table?.0.get(id)
                && let Some(lane) = slot.load(Acquire)
                && lane.incarnation() == life
                && slot.compare_exchange(Some(lane), None, AcqRel).is_ok()
            {
                taken = Some(lane);
            }
            // "take", pairs with the fence of `grown_table`.
            fence(SeqCst);
            let now = self.table.load(Acquire);
            if now.map(std::ptr::from_ref) == table.map(std::ptr::from_ref) {
                return taken;
            }
            table = now;
        }
    }

    /// Returns a lane that was taken and hidden to the shard, for reuse.
    fn return_lane(&self, lane: &'static LaneWriter) {
        let mut newest = None;
        loop {
            lane.next.store(newest, Relaxed);
            // Release, "return": the lane is hidden.
            match self.taken.compare_exchange(newest, Some(lane), Release) {
                Ok(()) => return,
                Err(other) => newest = other,
            }
        }
    }

    /// Takes all lanes in the segment with that ordinal out of the table and returns them. They
    /// stay published.
    fn park(&self, ordinal: u32) -> Vec<&'static LaneWriter> {
        let mut lanes: Vec<&'static LaneWriter> = Vec::new();
        let mut table = self.table.load(Acquire);
        while let Some(current) = table {
            for slot in current.0 {
                if let Some(lane) = slot.load(Acquire)
                    && lane.shape().ordinal == ordinal
                    && slot.compare_exchange(Some(lane), None, AcqRel).is_ok()
                    // Another table of the shard may have held it as well.
                    && !lanes.iter().any(|one| std::ptr::eq(*one, lane))
                {
                    lanes.push(lane);
                }
            }
            // "take", pairs with the fence of `grown_table`.
            fence(SeqCst);
            let now = self.table.load(Acquire);
            if now.map(std::ptr::from_ref) == Some(std::ptr::from_ref(current)) {
                break;
            }
            table = now;
        }
        for &lane in &lanes {
            let mut newest = self.parked.load(Relaxed);
            loop {
                lane.next.store(newest, Relaxed);
                match self.parked.compare_exchange(newest, Some(lane), Release) {
                    Ok(()) => break,
                    Err(other) => newest = other,
                }
            }
        }
        if !lanes.is_empty() {
            // Invalidate the lanes that the thread has cached: they are in no table any more.
            self.lease.fetch_add(1, std::sync::atomic::Ordering::Release);
        }
        lanes
    }

    fn parked(&self) -> impl Iterator<Item = &'static LaneWriter> {
        iter::successors(self.parked.load(Acquire), |lane| lane.next.load(Relaxed))
    }

    /// Moves lanes that other threads took from this shard back to its pool.
    fn reclaim_lanes(&self, stock: &mut LanePool) {
        let mut newest = None;
        // Acquire, pairs with the release of `return_lane`.
        while let Err(other) = self.taken.compare_exchange(newest, None, AcqRel) {
            newest = other;
        }
        for lane in iter::successors(newest, |lane| lane.next.load(Relaxed)) {
            stock.release(lane);
        }
    }

    /// Returns the shard's lane of a series. Creates it if it is missing.
    fn attach(&self, series: &Series, recorder: &Recorder) -> Result<&'static LaneWriter, AttachError> {
        // Release, "visit": publishes the stores of its thread to other lanes.
        self.visits.fetch_add(1, std::sync::atomic::Ordering::Release);
        let mut stock = match self.stock.try_lock() {
            Ok(stock) => stock,
            // No panic under the lock leaves a cursor partly moved.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // A signal handler interrupted this function on its own thread.
            Err(TryLockError::WouldBlock) => return Err(AttachError::Rejected(HealthCounter::Reentered)),
        };
        for _ in 0..MAX_ATTEMPTS {
            if let Some(attached) = self.attach_once(&mut stock, series, recorder) {
                return attached;
            }
        }
        Err(AttachError::Rejected(HealthCounter::NoMemory))
    }

    /// Makes one attempt. Returns none if the segment was left meanwhile.
    fn attach_once(
        &self,
        stock: &mut LanePool,
        series: &Series,
        recorder: &Recorder,
    ) -> Option<Result<&'static LaneWriter, AttachError>> {
        let slot = &self.grown_table(series.id)[series.id];
        if let Some(lane) = slot.load(Relaxed) {
            return Some(Ok(lane));
        }
        let Some(life) = series.incarnation() else { return Some(Err(AttachError::SeriesEnded)) };
        self.reclaim_lanes(stock);
        if !series.is_describable() {
            return Some(Err(AttachError::Rejected(HealthCounter::LabelTooLong)));
        }
        let made = recorder.with_segment(|segment| {
            let word = series.describe(segment, life)?;
            Some((stock.acquire(&series.family, segment)?, word, Arc::clone(segment)))
        });
        let Some((lane, word, segment)) = made else {
            return Some(Err(AttachError::Rejected(HealthCounter::NoMemory)));
        };
        lane.assign(series.id, life, word);
        // Release, for the compiler: a signal handler of this thread finds a complete lane.
        slot.store(Some(lane), Release);
        // "end" and "leave": either the thread that ends the incarnation or leaves the segment sees
        // the lane, or this thread sees the end.
        fence(SeqCst);
        if series.incarnation() == Some(life) && !segment.is_left() && lane.publish(word) {
            series.note_published(life);
            return Some(Ok(lane));
        }
        if slot.compare_exchange(Some(lane), None, AcqRel).is_ok() {
            stock.release(lane);
        }
        if series.incarnation() == Some(life) && segment.is_left() {
            None
        } else {
            Some(Err(AttachError::SeriesEnded))
        }
    }
}

/// Returns a counter with the number of a shard's first lease. In a child, the number was wiped:
/// the number after a return there is far from any lease of the parent.
fn first_lease() -> &'static StdAtomicU64 {
    let number = match wiped::words(1) {
        Some([word, ..]) => word,
        _ => Box::leak(Box::new(StdAtomicU64::new(0))),
    };
    number.store(1 << 32, Relaxed);
    number
}

/// The treatment of the lanes of an ended incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Readers no longer see their content, and other series reuse them.
    Discard,
    /// The registry was dropped: the recorded data stays, and nothing more is recorded.
    Retain,
}

/// Takes the lanes of an ended incarnation from all threads of this process.
pub(crate) fn end(id: usize, life: u64, end: Disposition) {
    let generation = fork::generation();
    for shard in shards().filter(|shard| shard.generation == generation) {
        if let Some(lane) = shard.detach_lane(id, life)
            && end == Disposition::Discard
        {
            lane.unpublish();
            shard.return_lane(lane);
        }
        if end == Disposition::Discard {
            // These lanes are not reused: their segment was left.
            shard.parked().filter(|lane| lane.serves(id, life)).for_each(LaneWriter::unpublish_if_mapped);
        }
    }
}

/// Lanes that were taken from their threads, which may still be inside an observation.
#[derive(Debug)]
pub(crate) struct Parked(Vec<ParkedLanes>);

#[derive(Debug)]
struct ParkedLanes {
    shard: &'static ThreadLanes,
    lanes: Vec<&'static LaneWriter>,
    /// Visits of the shard by its thread when all lanes had been taken.
    visits: u64,
}

impl Parked {
    /// Returns the lines that their threads need to create the lanes again.
    pub(crate) fn lines(&self) -> u64 {
        let blocks = |lanes: usize| Block::LINES * lanes.div_ceil(BLOCK_LANES) as u64;
        let lines = |parked: &ParkedLanes| {
            let lanes = parked.lanes.iter().map(|lane| lane.shape().lines()).sum::<u64>();
            // Each thread fills blocks of its own.
            blocks(parked.lanes.len()) + lanes
        };
        self.0.iter().map(lines).sum()
    }

    /// Whether all threads have left the observations that they were in when their lanes were
    /// taken. Later reads see the stores of these observations.
    pub(crate) fn is_left(&self) -> bool {
        self.0.iter().all(|ParkedLanes { shard, lanes, visits }| {
            let left = shard.visits.load(std::sync::atomic::Ordering::Acquire) != *visits
                || !shard.leased.load(Acquire);
            left && !lanes.iter().any(|lane| lane.is_writing())
        })
    }
}

/// Takes all lanes in the segment with that ordinal from their threads. They stay published. The
/// segment was [left](crate::segment::writer::Segment::leave) before, so no new lanes appear in it.
pub(crate) fn park(ordinal: u32) -> Parked {
    let generation = fork::generation();
    let own = shards().filter(|shard| shard.generation == generation);
    let parked = own.map(|shard| {
        let lanes = shard.park(ordinal);
        ParkedLanes { shard, lanes, visits: shard.visits.load(std::sync::atomic::Ordering::Acquire) }
    });
    Parked(parked.filter(|parked| !parked.lanes.is_empty()).collect())
}

fn shards() -> impl Iterator<Item = &'static ThreadLanes> {
    iter::successors(SHARDS.load(Acquire), |shard| shard.next.load(Acquire))
}

/// Calls `write` with this thread's lane of a series. Creates the lane if it is missing.
///
/// This also works in a thread whose thread-locals are destroyed: there it leases a shard for this
/// one call.
#[cold]
pub(crate) fn attach_and_retry<T>(
    series: &Series,
    recorder: &Recorder,
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
            let lane = shard.attach(series, recorder);
            // Even if that failed: the shard's other lanes may serve this thread.
            LANES.with(|lanes| lanes.set(shard.table()));
            lane.map(write)
        }
        Err(_) => {
            let shard = ThreadLanes::acquire();
            let result = shard.attach(series, recorder).map(write);
            shard.release();
            result
        }
    }
}

/// Makes this thread look up each of its lanes again. Safe in a signal handler.
pub(crate) fn forget_lanes() {
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
