//! The table of a shard: its thread finds a lane there with one load, and any thread takes lanes out
//! of it.

use std::iter;

use super::ThreadLanes;
use crate::{
    observe::lane::LaneWriter,
    sync::{
        Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
        fence,
        static_ref::AtomicOptionRef,
    },
};

/// Length of a thread's first table. In models it is 1, so that the table grows at once.
const MIN_TABLE_LEN: usize = if cfg!(ictus_loom) { 1 } else { 64 };

/// A thread's lanes by series id.
pub(super) type LaneTable = [AtomicOptionRef<LaneWriter>];

pub(super) struct LaneTableRef(pub(super) &'static LaneTable);

impl ThreadLanes {
    pub(super) fn table(&self) -> &'static LaneTable {
        self.table.load(Relaxed).map_or(&[], |table| table.0)
    }

    /// Returns a table that has an index for that series id. The length doubles, so that all tables
    /// of a shard together cost twice the last one.
    pub(super) fn grown_table(&self, id: usize) -> &'static LaneTable {
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
    pub(super) fn detach_lane(&self, id: usize, life: u64) -> Option<&'static LaneWriter> {
        let mut detached: Option<&'static LaneWriter> = None;
        let mut table = self.table.load(Acquire);
        loop {
            if let Some(slot) = table?.0.get(id)
                && let Some(lane) = slot.load(Acquire)
                && lane.incarnation() == life
                && slot.compare_exchange(Some(lane), None, AcqRel).is_ok()
            {
                detached = Some(lane);
            }
            // "take", pairs with the fence of `grown_table`.
            fence(SeqCst);
            let now = self.table.load(Acquire);
            if now.map(std::ptr::from_ref) == table.map(std::ptr::from_ref) {
                return detached;
            }
            table = now;
        }
    }
}
