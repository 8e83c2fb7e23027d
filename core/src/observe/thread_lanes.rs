//! Threads and their lanes: a shard is the lanes of one thread at a time.
//!
//! A thread leases a shard at its first observation and gives it back when it ends; the next
//! thread adopts it with all its lanes. So a thousand short-lived threads cost the memory of the
//! most that ran at once. Shards are never freed. A forked child starts with none: it must not
//! write its parent's lanes.
//!
//! Any thread may end the lanes of a series: it takes them out of the shards' tables, hides them
//! from readers, and gives them back to the shards that they belong to. Only the thread that leases
//! a shard makes new lanes of them, so a lane never has two writers. The path of an observation
//! knows nothing of it: a lane that is not in the table is made.

use std::{
    cell::Cell,
    fmt, iter,
    sync::{Arc, Mutex, TryLockError, atomic::AtomicU64 as StdAtomicU64},
};

use super::{
    handle::MAX_ATTEMPTS, lane::LaneWriter, lane_pool::LanePool, recorder::Recorder, series::Series,
};
use crate::{
    format::layout::HealthCounter,
    sync::{
        AtomicBool,
        Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
        fence, process_wide,
        static_ref::AtomicOptionRef,
        thread_local,
    },
    sys::{fork, wiped},
};

/// Places in a thread's first table. A model's grows at once.
const MIN_TABLE_LEN: usize = if cfg!(ictus_loom) { 1 } else { 64 };

/// A thread's lanes by series id.
type LaneTable = [AtomicOptionRef<LaneWriter>];

thread_local! {
    /// The table of the shard that this thread leases. Without a destructor, so that a look-up is
    /// one load and works until the very end of the thread.
    static LANES: Cell<&'static LaneTable> = const { Cell::new(&[]) };
    static LEASE: ThreadLease = const { ThreadLease(Cell::new(None)) };
}

/// This thread's lane of a series, where it has one.
#[inline]
pub(crate) fn lane(id: usize) -> Option<&'static LaneWriter> {
    LANES.with(Cell::get).get(id)?.load(Relaxed)
}

/// A lane that a thread keeps at hand.
#[derive(Clone, Copy)]
pub(crate) struct CachedLane {
    lane: &'static LaneWriter,
    /// Another word is another series, or another life of it.
    word: u64,
    /// The shard's; another number is another thread's, and 0 a forked child's.
    lease: &'static StdAtomicU64,
    number: u64,
}

impl CachedLane {
    /// The lane, as long as it is the thread's lane of the series. What is asked is what ends it: a fork,
    /// the end of the thread's lease, and whoever takes the lane, who hides it.
    #[inline(always)]
    pub(crate) fn lane(&self) -> Option<&'static LaneWriter> {
        let CachedLane { lane, word, lease, number } = *self;
        (lease.load(Relaxed) == number && lane.shows(word)).then_some(lane)
    }
}

/// This thread's lane of a series, to be kept at hand; none where it has none, and at the end of the thread.
#[cold]
pub(crate) fn hold(id: usize) -> Option<CachedLane> {
    let shard = LEASE.try_with(|lease| lease.0.get()).ok()??;
    let lane = lane(id)?;
    Some(CachedLane { lane, word: lane.word()?, lease: shard.lease, number: shard.lease.load(Relaxed) })
}

/// Gives the thread's shard back when the thread ends.
struct ThreadLease(Cell<Option<&'static ThreadLanes>>);

impl Drop for ThreadLease {
    fn drop(&mut self) {
        if let Some(shard) = self.0.get() {
            // Fails in a model alone, where all of a thread's locals go at once.
            let _ = LANES.try_with(|lanes| lanes.set(&[]));
            shard.give_back();
        }
    }
}

process_wide! {
    /// All shards, newest first; a shard stays in the list for ever.
    static SHARDS: AtomicOptionRef<ThreadLanes> = AtomicOptionRef::none();
}

struct ThreadLanes {
    /// Only this process on the line of forks may lease it.
    generation: u32,
    leased: AtomicBool,
    /// The number of the lease, in memory that is wiped in a child; another number where lanes were parked as
    /// well.
    lease: &'static StdAtomicU64,
    table: AtomicOptionRef<TableBox>,
    /// Only the leasing thread locks it; the lock is what proves that to the compiler.
    stock: Mutex<LanePool>,
    /// Lanes that others took out of the table.
    taken: AtomicOptionRef<LaneWriter>,
    /// Lanes in segments that were left: shown, but written no more.
    parked: AtomicOptionRef<LaneWriter>,
    /// How often its thread looked for a lane: it is then in no observation.
    visits: StdAtomicU64,
    next: AtomicOptionRef<ThreadLanes>,
}

struct TableBox(&'static LaneTable);

impl fmt::Debug for ThreadLanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadLanes").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// Why a series has no lane.
#[derive(Debug)]
pub(crate) enum AttachError {
    /// The observation is lost.
    Rejected(HealthCounter),
    /// The series' life is over.
    SeriesEnded,
}

impl ThreadLanes {
    fn lease() -> &'static ThreadLanes {
        let generation = fork::generation();
        for shard in shards() {
            let free = shard.generation == generation && !shard.leased.load(Relaxed);
            // Acquire, pairs with the release of `give_back`: all writes of the thread before.
            if free && !shard.leased.swap(true, Acquire) {
                return shard;
            }
        }
        let shard: &'static ThreadLanes = Box::leak(Box::new(ThreadLanes {
            generation,
            leased: AtomicBool::new(true),
            lease: first_lease(),
            table: AtomicOptionRef::none(),
            stock: Mutex::default(),
            taken: AtomicOptionRef::none(),
            parked: AtomicOptionRef::none(),
            visits: StdAtomicU64::new(0),
            next: AtomicOptionRef::none(),
        }));
        let mut newest = SHARDS.load(Acquire);
        loop {
            shard.next.store(newest, Relaxed);
            match SHARDS.exchange(newest, Some(shard), Release) {
                Ok(()) => return shard,
                Err(other) => newest = other,
            }
        }
    }

    fn give_back(&self) {
        // Whatever the thread has at hand is not its own any more.
        self.lease.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // No allocation, no lock: this runs in thread-local destructors. In a forked
        // child nobody leases it again, for its generation has passed.
        self.leased.store(false, Release);
    }

    fn table(&self) -> &'static LaneTable {
        self.table.load(Relaxed).map_or(&[], |table| table.0)
    }

    /// Room for that series id. Doubles, so that all tables of a shard cost twice the last one.
    fn table_for(&self, id: usize) -> &'static LaneTable {
        let old = self.table();
        if id < old.len() {
            return old;
        }
        let length = (id + 1).next_power_of_two().max(MIN_TABLE_LEN);
        // A child that no handler has seen must find nothing in the table that its one thread has at hand.
        let new: &'static LaneTable = AtomicOptionRef::wiped(length);
        for (to, from) in iter::zip(new, old) {
            to.store(from.load(Relaxed), Relaxed);
        }
        let table: &'static TableBox = Box::leak(Box::new(TableBox(new)));
        self.table.store(Some(table), Release);
        // "take": whoever takes a lane out of the old table now sees the new one, or this sees it.
        fence(SeqCst);
        for (to, from) in iter::zip(table.0, old) {
            if from.load(Relaxed).is_none()
                && let Some(lane) = to.load(Relaxed)
            {
                // Whoever took it may take it from here as well.
                let _ = to.exchange(Some(lane), None, Relaxed);
            }
        }
        table.0
    }

    /// Takes the lane of a life of a series out of the table; for any thread.
    fn take(&self, id: usize, life: u64) -> Option<&'static LaneWriter> {
        let mut taken: Option<&'static LaneWriter> = None;
        let mut table = self.table.load(Acquire);
        loop {
            if let Some(slot) = table?.0.get(id)
                && let Some(lane) = slot.load(Acquire)
                && lane.life() == life
                && slot.exchange(Some(lane), None, AcqRel).is_ok()
            {
                taken = Some(lane);
            }
            // "take", pairs with the fence of `table_for`.
            fence(SeqCst);
            let now = self.table.load(Acquire);
            if now.map(std::ptr::from_ref) == table.map(std::ptr::from_ref) {
                return taken;
            }
            table = now;
        }
    }

    /// Gives a lane that was taken and hidden back, to be used again.
    fn give(&self, lane: &'static LaneWriter) {
        let mut newest = None;
        loop {
            lane.next.store(newest, Relaxed);
            // Release, "return": the lane is hidden.
            match self.taken.exchange(newest, Some(lane), Release) {
                Ok(()) => return,
                Err(other) => newest = other,
            }
        }
    }

    /// Takes all lanes in the segment of that ordinal out of the table; gives how many. They stay shown.
    fn park(&self, ordinal: u32) -> Vec<&'static LaneWriter> {
        let mut lanes: Vec<&'static LaneWriter> = Vec::new();
        let mut table = self.table.load(Acquire);
        while let Some(current) = table {
            for slot in current.0 {
                if let Some(lane) = slot.load(Acquire)
                    && lane.shape().ordinal == ordinal
                    && slot.exchange(Some(lane), None, AcqRel).is_ok()
                    // Another table of the shard may have had it as well.
                    && !lanes.iter().any(|one| std::ptr::eq(*one, lane))
                {
                    lanes.push(lane);
                }
            }
            // "take", pairs with the fence of `table_for`.
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
                match self.parked.exchange(newest, Some(lane), Release) {
                    Ok(()) => break,
                    Err(other) => newest = other,
                }
            }
        }
        if !lanes.is_empty() {
            // Whatever the thread has at hand is in no table any more.
            self.lease.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        lanes
    }

    fn parked(&self) -> impl Iterator<Item = &'static LaneWriter> {
        iter::successors(self.parked.load(Acquire), |lane| lane.next.load(Relaxed))
    }

    /// Lanes that others took from this shard are its own again.
    fn collect(&self, stock: &mut LanePool) {
        let mut newest = None;
        // Acquire, pairs with the release of `give`.
        while let Err(other) = self.taken.exchange(newest, None, AcqRel) {
            newest = other;
        }
        for lane in iter::successors(newest, |lane| lane.next.load(Relaxed)) {
            stock.keep(lane);
        }
    }

    /// The shard's lane of a series, made where it is missing.
    fn attach(&self, series: &Series, recorder: &Recorder) -> Result<&'static LaneWriter, AttachError> {
        // Release, "visit": whatever its thread stored in other lanes.
        self.visits.fetch_add(1, std::sync::atomic::Ordering::Release);
        let mut stock = match self.stock.try_lock() {
            Ok(stock) => stock,
            // No panic happens under the lock that would leave a cursor half moved.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // A signal handler interrupted this very function on its own thread.
            Err(TryLockError::WouldBlock) => return Err(AttachError::Rejected(HealthCounter::Reentered)),
        };
        for _ in 0..MAX_ATTEMPTS {
            if let Some(attached) = self.attach_once(&mut stock, series, recorder) {
                return attached;
            }
        }
        Err(AttachError::Rejected(HealthCounter::NoMemory))
    }

    /// None where the segment was left meanwhile.
    fn attach_once(
        &self,
        stock: &mut LanePool,
        series: &Series,
        recorder: &Recorder,
    ) -> Option<Result<&'static LaneWriter, AttachError>> {
        let slot = &self.table_for(series.id)[series.id];
        if let Some(lane) = slot.load(Relaxed) {
            return Some(Ok(lane));
        }
        let Some(life) = series.life() else { return Some(Err(AttachError::SeriesEnded)) };
        self.collect(stock);
        if !series.is_describable() {
            return Some(Err(AttachError::Rejected(HealthCounter::LabelTooLong)));
        }
        let made = recorder.with_segment(|segment| {
            let word = series.describe(segment, life)?;
            Some((stock.lane(&series.family, segment)?, word, Arc::clone(segment)))
        });
        let Some((lane, word, segment)) = made else {
            return Some(Err(AttachError::Rejected(HealthCounter::NoMemory)));
        };
        lane.serve(series.id, life, word);
        // Release, for the compiler: a signal handler of this thread finds the lane whole.
        slot.store(Some(lane), Release);
        // "end" and "leave": whoever ends the life, or leaves the segment, now sees the lane, or this sees
        // the end.
        fence(SeqCst);
        if series.life() == Some(life) && !segment.is_left() && lane.publish(word) {
            series.note_published(life);
            return Some(Ok(lane));
        }
        if slot.exchange(Some(lane), None, AcqRel).is_ok() {
            stock.keep(lane);
        }
        if series.life() == Some(life) && segment.is_left() {
            None
        } else {
            Some(Err(AttachError::SeriesEnded))
        }
    }
}

/// The number of a shard's first lease. What a thread gives back in a child, where the number was wiped, is
/// far from any lease of the parent's.
fn first_lease() -> &'static StdAtomicU64 {
    let number = match wiped::words(1) {
        Some([word, ..]) => word,
        _ => Box::leak(Box::new(StdAtomicU64::new(0))),
    };
    number.store(1 << 32, Relaxed);
    number
}

/// What becomes of the lanes of a life of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Nobody sees what they hold any more, and others use them.
    Discard,
    /// The registry is gone: what was recorded stays, and nothing is recorded any more.
    Retain,
}

/// Takes the lanes of a life that was ended from all threads of this process.
pub(crate) fn end(id: usize, life: u64, end: Disposition) {
    let generation = fork::generation();
    for shard in shards().filter(|shard| shard.generation == generation) {
        if let Some(lane) = shard.take(id, life)
            && end == Disposition::Discard
        {
            lane.hide();
            shard.give(lane);
        }
        if end == Disposition::Discard {
            // Not used again: their segment was left.
            shard.parked().filter(|lane| lane.serves(id, life)).for_each(LaneWriter::hide_if_there);
        }
    }
}

/// Lanes that were taken from their threads, which may still be inside of an observation.
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
    /// Lines that their threads need to create them again.
    pub(crate) fn lines(&self) -> u64 {
        self.0.iter().flat_map(|parked| &parked.lanes).map(|lane| lane.shape().lines()).sum()
    }

    /// Whether all threads have left the observations in which they were when their lanes were taken. What
    /// they stored then is seen by what is read after this.
    pub(crate) fn is_left(&self) -> bool {
        self.0.iter().all(|ParkedLanes { shard, lanes, visits }| {
            let left = shard.visits.load(std::sync::atomic::Ordering::Acquire) != *visits
                || !shard.leased.load(Acquire);
            left && !lanes.iter().any(|lane| lane.is_busy())
        })
    }
}

/// Takes all lanes in the segment of that ordinal from their threads; they stay shown. The segment was
/// [left](crate::segment::writer::Segment::leave) before, so no others appear.
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

/// This thread's lane of a series, made where it is missing, for the call `write`.
///
/// Works in a thread whose thread-locals are gone, too: there it leases a shard for this one call.
#[cold]
pub(crate) fn with_new_lane<T>(
    series: &Series,
    recorder: &Recorder,
    write: impl FnOnce(&LaneWriter) -> T,
) -> Result<T, AttachError> {
    let leased = LEASE.try_with(|lease| {
        // After a fork, the lease is the parent's thread's: the child's first lease replaces it.
        let generation = fork::generation();
        let shard = match lease.0.get() {
            Some(shard) if shard.generation == generation => shard,
            _ => ThreadLanes::lease(),
        };
        lease.0.set(Some(shard));
        shard
    });
    match leased {
        Ok(shard) => {
            let lane = shard.attach(series, recorder);
            // Even where that failed: the shard's other lanes may serve this thread.
            LANES.with(|lanes| lanes.set(shard.table()));
            lane.map(write)
        }
        Err(_) => {
            let shard = ThreadLanes::lease();
            let result = shard.attach(series, recorder).map(write);
            shard.give_back();
            result
        }
    }
}

/// Has this thread look for each of its lanes again. Safe in a signal handler.
pub(crate) fn forget_lanes() {
    LANES.with(|lanes| lanes.set(&[]));
}

/// What a forked child does first: its one thread forgets the lanes that it inherited.
pub(crate) extern "C" fn forget_parents_lanes() {
    LANES.with(|lanes| {
        // What a thread has that has none is not asked for: it would be made here.
        if !lanes.replace(&[]).is_empty() {
            let _ = LEASE.try_with(|lease| lease.0.get().map(|shard| shard.lease.store(0, Relaxed)));
        }
    });
}
