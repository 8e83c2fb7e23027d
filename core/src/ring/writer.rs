//! The writer of a ring.

use std::sync::atomic::compiler_fence;

use crate::{
    format::{
        layout::{CHUNK_SLOTS, Chunk, Lane, Lines},
        line_allocator::LineAllocator,
    },
    sum::ExactSum,
    sync::{
        AtomicU64, Ordering,
        static_ref::{AtomicOptionRef, AtomicStaticRef},
    },
};

/// The state of a lane's writer, in its process's memory.
///
/// One thread pushes at a time. The fields are atomics only so that the ring can move from thread
/// to thread. An observation uses only the first three fields, its slot, and the slot before it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Ring {
    /// The number of observations that were begun. Only while one is being written, the lane's head
    /// is one less. A signal handler sees by this that it interrupted a write.
    begun: AtomicU64,
    /// The chunk of the newest observation.
    chunk: AtomicStaticRef<Chunk>,
    lane: &'static Lane,
    table: &'static [AtomicU64],
    /// The chunks of the table that have been used. They stay mapped for the life of the process.
    chunk_cache: Box<[AtomicOptionRef<Chunk>]>,
    /// The chunk's index in the table.
    chunk_index: AtomicU64,
    /// The exact sum of all observations before the current chunk.
    sum: [AtomicU64; 3],
}

impl Ring {
    /// Returns the ring of a new lane, whose table holds only the line of the first chunk.
    pub(crate) fn new(lane: &'static Lane, table: &'static [AtomicU64], first: &'static Chunk) -> Ring {
        Ring {
            begun: AtomicU64::new(0),
            chunk: AtomicStaticRef::new(first),
            lane,
            table,
            chunk_cache: table.iter().map(|_| AtomicOptionRef::null()).collect(),
            chunk_index: AtomicU64::new(0),
            sum: [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    /// Returns the ring of a lane that has none. It accepts no observations.
    pub(crate) fn without_lane(lane: &'static Lane) -> Ring {
        Ring::new(lane, &[], Chunk::none())
    }

    pub(crate) fn lane(&self) -> &'static Lane {
        self.lane
    }

    /// Returns whether an observation is being written, by a thread that a signal handler
    /// interrupted.
    pub(crate) fn is_writing(&self) -> bool {
        !self.table.is_empty() && self.begun.load(Ordering::Relaxed) != self.lane.head.load(Ordering::Relaxed)
    }

    /// Resets the ring of a hidden lane. The ring keeps its chunks. Release, "recycle": not before
    /// the lane was hidden.
    pub(crate) fn clear(&self, supply: &impl LineAllocator) {
        if self.table.is_empty() {
            return;
        }
        self.lane.chunks.store(1, Ordering::Release);
        if let Some(first) = self.chunk_at(0, supply) {
            Chunk::clear(first);
            self.chunk.store(first, Ordering::Relaxed);
        }
        self.begun.store(0, Ordering::Relaxed);
        self.chunk_index.store(0, Ordering::Relaxed);
        self.sum.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    /// Appends one observation. A timestamp that is older than the last one is raised to it.
    /// Returns false if the caller interrupted this function on its own thread.
    pub(crate) fn push(&self, value: f64, stamp: u64, supply: &impl LineAllocator) -> bool {
        loop {
            if self.push_in_chunk(value, stamp) {
                return true;
            }
            let head = self.begun.load(Ordering::Relaxed);
            if head.is_multiple_of(CHUNK_SLOTS) && self.push_into_next_chunk(head, value, stamp, supply) {
                return true;
            }
            if self.is_writing() || self.table.is_empty() {
                return false;
            }
        }
    }

    /// Appends an observation to a chunk that already has one, which is the usual case. Returns
    /// false and does nothing in a new chunk, or if a signal handler ran between two instructions.
    #[inline(always)]
    pub(crate) fn push_in_chunk(&self, value: f64, stamp: u64) -> bool {
        let head = self.begun.load(Ordering::Relaxed);
        let slot = (head % CHUNK_SLOTS) as usize;
        if slot == 0 {
            return false;
        }
        let chunk = self.chunk.load(Ordering::Relaxed);
        let last = chunk.slots[slot - 1].stamp.load(Ordering::Relaxed);
        let stamp = if stamp < last { clamped_stamp(last) } else { stamp };
        let lane = self.lane;
        if !self.reserve(lane, head) {
            return false;
        }
        chunk.prefetch_next(slot);
        self.write(lane, chunk, head, value, stamp);
        true
    }

    /// Starts a write: from here on, a signal handler writes nothing. Returns false and starts
    /// nothing if the lane's head differs from `head`. Then a handler has written since the caller
    /// read it, or the caller itself is a handler that interrupted a write.
    #[inline(always)]
    fn reserve(&self, lane: &Lane, head: u64) -> bool {
        self.begun.store(head + 1, Ordering::Relaxed);
        // Keeps the compiler from moving the write up: a handler on this thread sees program order.
        compiler_fence(Ordering::SeqCst);
        let published = lane.head.load(Ordering::Relaxed);
        if published != head {
            self.begun.store(head.max(published), Ordering::Relaxed);
        }
        published == head
    }

    /// Simulates an observation that read the number of begun ones and was then interrupted.
    #[cfg(test)]
    pub(crate) fn set_begun(&self, begun: u64) {
        self.begun.store(begun, Ordering::Relaxed);
    }

    /// Appends the first observation of a chunk, once in 64. Returns false and does nothing if the
    /// lane's head differs from `head`.
    #[cold]
    #[inline(never)]
    fn push_into_next_chunk(&self, head: u64, value: f64, stamp: u64, supply: &impl LineAllocator) -> bool {
        // Until the chunk is overwritten, it holds the last timestamp.
        let left = self.chunk.load(Ordering::Relaxed);
        let last = left.slots[CHUNK_SLOTS as usize - 1].stamp.load(Ordering::Relaxed);
        if self.table.is_empty() || !self.reserve(self.lane, head) {
            return false;
        }
        if head > 0 {
            self.finish_chunk(left, stamp, supply);
        }
        let chunk = self.enter_chunk(head, supply).unwrap_or(left);
        // A timestamp of 0 marks a slot that was never written.
        self.write(self.lane, chunk, head, value, stamp.max(last).max(1));
        true
    }

    #[inline(always)]
    fn write(&self, lane: &Lane, chunk: &Chunk, head: u64, value: f64, stamp: u64) {
        let slot = &chunk.slots[(head % CHUNK_SLOTS) as usize];
        // Release, "reuse": not before the head that released the slot's previous observation.
        slot.value.store(value.to_bits(), Ordering::Release);
        slot.stamp.store(stamp, Ordering::Release);
        // Release, "publish".
        lane.head.store(head + 1, Ordering::Release);
    }

    /// Adds up a full chunk, before any of its slots is overwritten.
    fn finish_chunk(&self, full: &Chunk, next: u64, supply: &impl LineAllocator) {
        supply.on_chunk_finished(full, next);
        let mut sum = ExactSum([0, 1, 2].map(|word| self.sum[word].load(Ordering::Relaxed)));
        sum.add_all::<{ CHUNK_SLOTS as usize }>(|slot| full.value(slot));
        for (word, value) in self.sum.iter().zip(sum.0) {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Makes the next chunk the current one. Returns `None` if the registry was dropped and no
    /// reader is left: then any memory that is still mapped will do.
    fn enter_chunk(&self, head: u64, supply: &impl LineAllocator) -> Option<&'static Chunk> {
        let index = if head == 0 { 0 } else { self.next_chunk_index(supply) };
        let chunk = self.chunk_at(index as usize, supply)?;
        let [first, second] = &chunk.records;
        let older = second.entered.load(Ordering::Relaxed) < first.entered.load(Ordering::Relaxed);
        let record = if older { second } else { first };
        // Release, "enter": the sum before the index, both before the slots.
        for (to, from) in record.sum.iter().zip(&self.sum) {
            to.store(from.load(Ordering::Relaxed), Ordering::Release);
        }
        record.entered.store(head + 1, Ordering::Release);
        if index >= self.lane.chunks.load(Ordering::Relaxed) {
            // Release, "grow": not before the chunk has a record.
            self.lane.chunks.store(index + 1, Ordering::Release);
        }
        self.chunk_index.store(index, Ordering::Relaxed);
        self.chunk.store(chunk, Ordering::Relaxed);
        let next = self.chunk_cache.get(index as usize + 1).or(self.chunk_cache.first())?;
        if let Some(next) = next.load(Ordering::Relaxed) {
            next.prefetch_start();
        }
        Some(chunk)
    }

    fn chunk_at(&self, index: usize, supply: &impl LineAllocator) -> Option<&'static Chunk> {
        let cached = self.chunk_cache.get(index)?;
        if let Some(chunk) = cached.load(Ordering::Relaxed) {
            return Some(chunk);
        }
        let chunk = supply.lines(self.table.get(index)?.load(Ordering::Relaxed))?;
        cached.store(Some(chunk), Ordering::Relaxed);
        Some(chunk)
    }

    /// Returns the index after the current one, with its line in the table. A ring grows only at
    /// the end of a lap, so that the chunks are always in the order of their observations.
    fn next_chunk_index(&self, supply: &impl LineAllocator) -> u64 {
        let chunks = self.lane.chunks.load(Ordering::Relaxed);
        let next = self.chunk_index.load(Ordering::Relaxed) + 1;
        if next < chunks {
            return next;
        }
        let Some(entry) = self.table.get(chunks as usize) else { return 0 };
        // The chunk is left from an earlier life of the lane.
        if entry.load(Ordering::Relaxed) != 0
            && let Some(chunk) = self.chunk_at(chunks as usize, supply)
        {
            Chunk::clear(chunk);
            return chunks;
        }
        let Some(line) = supply.allocate(Chunk::LINES) else {
            supply.on_window_truncated();
            return 0;
        };
        entry.store(line, Ordering::Relaxed);
        chunks
    }
}

/// Returns the timestamp of an observation whose own one is older. Not inlined, so that it is a
/// branch: the next observation then need not wait for this one's timestamp.
#[cold]
#[inline(never)]
fn clamped_stamp(last: u64) -> u64 {
    last
}
