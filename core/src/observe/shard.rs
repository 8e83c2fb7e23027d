//! Threads and their lanes: a shard is the lanes of one thread at a time.
//!
//! A thread leases a shard at its first observation and gives it back when it ends; the next
//! thread adopts it with all its lanes. So a thousand short-lived threads cost the memory of the
//! most that ran at once. Shards are never freed. A forked child starts with none: it must not
//! write its parent's lanes.

use std::{
    cell::Cell,
    collections::{HashMap, hash_map::Entry},
    iter,
    sync::{Arc, Mutex, TryLockError},
};

use super::{
    lane::{Growth, LaneWriter, TimerLane},
    recorder::Recorder,
    series::Series,
};
use crate::{
    buckets::{self, Buckets},
    catalog::Kind,
    ring::Ring,
    segment::{
        descriptor::FamilyRecord,
        layout::{self, AtomicRef, BLOCK_LANES, Block, Chunk, Lane, Lines, Loss},
        map,
        writer::Segment,
    },
    sync::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
        process_wide, thread_local,
    },
};

/// A thread's lanes by series id.
type Table = [AtomicRef<LaneWriter>];

thread_local! {
    /// The table of the shard that this thread leases. Without a destructor, so that a look-up is
    /// one load and works until the very end of the thread.
    static LANES: Cell<&'static Table> = const { Cell::new(&[]) };
    static LEASE: Lease = const { Lease(Cell::new(None)) };
}

/// This thread's lane of a series, where it has one.
#[inline]
pub(super) fn lane(id: usize) -> Option<&'static LaneWriter> {
    LANES.with(Cell::get).get(id)?.load(Relaxed)
}

/// Gives the thread's shard back when the thread ends.
struct Lease(Cell<Option<&'static Shard>>);

impl Drop for Lease {
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
    static SHARDS: AtomicRef<Shard> = AtomicRef::none();
}

struct Shard {
    /// Only this process on the line of forks may lease it.
    generation: u32,
    leased: AtomicBool,
    table: AtomicRef<TableBox>,
    /// Only the leasing thread locks it; the lock is what proves that to the compiler.
    blocks: Mutex<HashMap<u32, Cursor>>,
    next: AtomicRef<Shard>,
}

struct TableBox(Box<Table>);

/// The block that the shard is filling in a segment.
struct Cursor {
    block: &'static Block,
    used: usize,
}

impl Shard {
    fn lease() -> &'static Shard {
        let generation = map::generation();
        let all = iter::successors(SHARDS.load(Acquire), |shard| shard.next.load(Acquire));
        for shard in all {
            let free = shard.generation == generation && !shard.leased.load(Relaxed);
            // Acquire, pairs with the release of `give_back`: all writes of the thread before.
            if free && !shard.leased.swap(true, Acquire) {
                return shard;
            }
        }
        let shard: &'static Shard = Box::leak(Box::new(Shard {
            generation,
            leased: AtomicBool::new(true),
            table: AtomicRef::none(),
            blocks: Mutex::new(HashMap::new()),
            next: AtomicRef::none(),
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
        // One store, no allocation, no lock: this runs in thread-local destructors. In a forked
        // child nobody leases it again, for its generation has passed.
        self.leased.store(false, Release);
    }

    fn table(&self) -> &'static Table {
        self.table.load(Relaxed).map_or(&[], |table| &table.0)
    }

    /// Room for that series id. Doubles, so that all tables of a shard cost twice the last one.
    fn table_for(&self, id: usize) -> &'static Table {
        let old = self.table();
        if id < old.len() {
            return old;
        }
        let length = (id + 1).next_power_of_two().max(64);
        let new: Box<Table> = (0..length).map(|_| AtomicRef::none()).collect();
        for (to, from) in iter::zip(&new, old) {
            to.store(from.load(Relaxed), Relaxed);
        }
        let table: &'static TableBox = Box::leak(Box::new(TableBox(new)));
        self.table.store(Some(table), Release);
        &table.0
    }

    /// The shard's lane of a series, made where it is missing.
    fn attach(&self, series: &Series, recorder: &Recorder) -> Result<&'static LaneWriter, Loss> {
        let mut blocks = match self.blocks.try_lock() {
            Ok(blocks) => blocks,
            // No panic happens under the lock that would leave a cursor half moved.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // A signal handler interrupted this very function on its own thread.
            Err(TryLockError::WouldBlock) => return Err(Loss::Reentered),
        };
        let table = self.table_for(series.id);
        if let Some(lane) = table[series.id].load(Relaxed) {
            return Ok(lane);
        }
        let lane = recorder.with_segment(|segment| self.new_lane(&mut blocks, series, segment));
        let lane = lane.ok_or(Loss::NoMemory)?;
        let lane: &'static LaneWriter = Box::leak(Box::new(lane));
        // Release, for the compiler: a signal handler of this thread finds the lane whole.
        table[series.id].store(Some(lane), Release);
        Ok(lane)
    }

    fn new_lane(
        &self,
        blocks: &mut HashMap<u32, Cursor>,
        series: &Series,
        segment: &Arc<Segment>,
    ) -> Option<LaneWriter> {
        let described = series.describe(segment)?;
        let family = &series.family.record;
        let lane = next_lane(blocks, segment)?;
        let timer = match family.kind {
            Kind::Timer => Some(new_timer_lane(lane, segment, family)?),
            Kind::Counter | Kind::Gauge => None,
        };
        // Release, pairs with the reader's acquire after copying the block: the lane is there with
        // its table, and the series with its descriptor.
        lane.series.store(described, Release);
        Some(LaneWriter::new(lane, timer))
    }
}

/// The next free lane of the shard's block in a segment.
fn next_lane(blocks: &mut HashMap<u32, Cursor>, segment: &Segment) -> Option<&'static Lane> {
    let cursor = match blocks.entry(segment.ordinal) {
        Entry::Occupied(entry) if entry.get().used < BLOCK_LANES => entry.into_mut(),
        Entry::Occupied(mut entry) => {
            entry.insert(Cursor { block: segment.new_block()?, used: 0 });
            entry.into_mut()
        }
        Entry::Vacant(entry) => entry.insert(Cursor { block: segment.new_block()?, used: 0 }),
    };
    cursor.used += 1;
    Some(&cursor.block.lanes[cursor.used - 1])
}

/// A timer lane's table, buckets and first chunk, committed together.
fn new_timer_lane(lane: &'static Lane, segment: &Arc<Segment>, family: &FamilyRecord) -> Option<TimerLane> {
    let full = layout::full_ring(family.window);
    let (table_lines, bucket_lines) = (layout::table_lines(full), buckets::lines(family.bounds.len()));
    let line = segment.claim(table_lines + bucket_lines + Chunk::LINES)?;
    let table = &segment.words(line, table_lines)?[..full as usize];
    let buckets = segment.words(line + table_lines, bucket_lines)?;
    table[0].store(line + table_lines + bucket_lines, Relaxed);
    lane.table.store(line, Relaxed);
    lane.chunks.store(1, Relaxed);
    Some(TimerLane {
        ring: Ring::new(lane, table),
        buckets: Buckets::new(&family.bounds, buckets),
        growth: Growth(Arc::downgrade(segment)),
    })
}

/// This thread's lane of a series, made where it is missing, for the call `write`.
///
/// Works in a thread whose thread-locals are gone, too: there it leases a shard for this one call.
#[cold]
pub(super) fn with_new_lane<T>(
    series: &Series,
    recorder: &Recorder,
    write: impl FnOnce(&LaneWriter) -> T,
) -> Result<T, Loss> {
    let leased = LEASE.try_with(|lease| {
        // After a fork, the lease is the parent's thread's: the child's first lease replaces it.
        let generation = map::generation();
        let shard = match lease.0.get() {
            Some(shard) if shard.generation == generation => shard,
            _ => Shard::lease(),
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
            let shard = Shard::lease();
            let result = shard.attach(series, recorder).map(write);
            shard.give_back();
            result
        }
    }
}

/// What a forked child does first: its one thread forgets the lanes that it inherited.
pub(super) extern "C" fn forget_parents_lanes() {
    LANES.with(|lanes| lanes.set(&[]));
}
