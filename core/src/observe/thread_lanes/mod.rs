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

mod attach;
mod ending;
mod lease;
mod parking;
mod table;

use std::{
    fmt, iter,
    sync::{Mutex, atomic::AtomicU64 as StdAtomicU64},
};

pub(crate) use self::{
    attach::{AttachError, MAX_ATTEMPTS},
    ending::{Disposition, end},
    lease::{CachedLane, attach_and_retry, cache_lane, lane, reset_after_fork},
    parking::{Parked, park},
};
use self::{lease::forget_lanes, table::LaneTableRef};
use super::{lane::LaneWriter, lane_pool::LanePool};
use crate::{
    sync::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
        process_wide,
        static_ref::AtomicOptionRef,
    },
    sys::{fork, wiped},
};

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

impl fmt::Debug for ThreadLanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadLanes").field("generation", &self.generation).finish_non_exhaustive()
    }
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
            stock: Mutex::new(LanePool::new(forget_lanes)),
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

fn shards() -> impl Iterator<Item = &'static ThreadLanes> {
    iter::successors(SHARDS.load(Acquire), |shard| shard.next.load(Acquire))
}
