//! The writer's side of a ring.

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

/// What the writer of a lane keeps in its own memory. One thread pushes at a time; all stores are
/// atomics only so that the ring can be handed from thread to thread.
///
/// The first three words are all that an observation needs, but for its slot and the one before.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Ring {
    /// Observations that were begun. While one is written, and then only, the lane's head is one less: that
    /// is how a signal handler sees that it interrupted a write.
    begun: AtomicU64,
    /// The chunk of the newest observation.
    chunk: AtomicStaticRef<Chunk>,
    lane: &'static Lane,
    table: &'static [AtomicU64],
    /// The chunks of the table, once they have been used: the memory is this process's own for good.
    known: Box<[AtomicOptionRef<Chunk>]>,
    /// The chunk's place in the table.
    place: AtomicU64,
    /// The exact sum of all before the current chunk.
    sum: [AtomicU64; 3],
}

impl Ring {
    /// The ring of a new lane: its table holds the line of the first chunk, and nothing else yet.
    pub(crate) fn new(lane: &'static Lane, table: &'static [AtomicU64], first: &'static Chunk) -> Ring {
        Ring {
            begun: AtomicU64::new(0),
            chunk: AtomicStaticRef::new(first),
            lane,
            table,
            known: table.iter().map(|_| AtomicOptionRef::none()).collect(),
            place: AtomicU64::new(0),
            sum: [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    /// That of a lane without a ring: it takes nothing.
    pub(crate) fn none(lane: &'static Lane) -> Ring {
        Ring::new(lane, &[], Chunk::none())
    }

    pub(crate) fn lane(&self) -> &'static Lane {
        self.lane
    }

    /// Whether an observation is being written, by a thread that a signal handler interrupted.
    pub(crate) fn is_busy(&self) -> bool {
        !self.table.is_empty() && self.begun.load(Ordering::Relaxed) != self.lane.head.load(Ordering::Relaxed)
    }

    /// Makes the ring of a hidden lane a new one, which goes on to use the chunks that it has.
    /// Release, "recycle": not before the lane was hidden.
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
        self.place.store(0, Ordering::Relaxed);
        self.sum.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    /// Appends one observation. The stamp is raised to the last one where it is older. False where
    /// the caller interrupted this very function on its own thread.
    pub(crate) fn push(&self, value: f64, stamp: u64, supply: &impl LineAllocator) -> bool {
        loop {
            if self.push_behind(value, stamp) {
                return true;
            }
            let head = self.begun.load(Ordering::Relaxed);
            if head.is_multiple_of(CHUNK_SLOTS) && self.push_first(head, value, stamp, supply) {
                return true;
            }
            if self.is_busy() || self.table.is_empty() {
                return false;
            }
        }
    }

    /// The same behind another observation of the chunk, which is nearly always where one goes. False, and
    /// nothing is done, where it is not, and where a signal handler came between two instructions.
    #[inline(always)]
    pub(crate) fn push_behind(&self, value: f64, stamp: u64) -> bool {
        let head = self.begun.load(Ordering::Relaxed);
        let slot = (head % CHUNK_SLOTS) as usize;
        if slot == 0 {
            return false;
        }
        let chunk = self.chunk.load(Ordering::Relaxed);
        let last = chunk.slots[slot - 1].stamp.load(Ordering::Relaxed);
        let stamp = if stamp < last { raised(last) } else { stamp };
        let lane = self.lane;
        if !self.begin(lane, head) {
            return false;
        }
        chunk.expect_behind(slot);
        self.write(lane, chunk, head, value, stamp);
        true
    }

    /// From here on a signal handler writes nothing. False, and so it is not, where the lane's head is another
    /// one: a handler has written since the caller looked, or the caller is one that interrupted a write.
    #[inline(always)]
    fn begin(&self, lane: &Lane, head: u64) -> bool {
        self.begun.store(head + 1, Ordering::Relaxed);
        // Keeps the compiler from moving the writing out: a handler on this thread sees program order.
        compiler_fence(Ordering::SeqCst);
        let published = lane.head.load(Ordering::Relaxed);
        if published != head {
            self.begun.store(head.max(published), Ordering::Relaxed);
        }
        published == head
    }

    /// What an observation knows that looked when so many were begun, and was interrupted.
    #[cfg(test)]
    pub(crate) fn knew(&self, begun: u64) {
        self.begun.store(begun, Ordering::Relaxed);
    }

    /// The first observation in a chunk, once in 64. False, and nothing is done, where the lane's head is
    /// another one.
    #[cold]
    #[inline(never)]
    fn push_first(&self, head: u64, value: f64, stamp: u64, supply: &impl LineAllocator) -> bool {
        // Until it is written again, the chunk has the last stamp.
        let left = self.chunk.load(Ordering::Relaxed);
        let last = left.slots[CHUNK_SLOTS as usize - 1].stamp.load(Ordering::Relaxed);
        if self.table.is_empty() || !self.begin(self.lane, head) {
            return false;
        }
        if head > 0 {
            self.leave(left, stamp, supply);
        }
        let chunk = self.enter(head, supply).unwrap_or(left);
        // A stamp of 0 is a slot that was never written.
        self.write(self.lane, chunk, head, value, stamp.max(last).max(1));
        true
    }

    #[inline(always)]
    fn write(&self, lane: &Lane, chunk: &Chunk, head: u64, value: f64, stamp: u64) {
        let slot = &chunk.slots[(head % CHUNK_SLOTS) as usize];
        // Release, "reuse": not before the head that let go of what stood here.
        slot.value.store(value.to_bits(), Ordering::Release);
        slot.stamp.store(stamp, Ordering::Release);
        // Release, "publish".
        lane.head.store(head + 1, Ordering::Release);
    }

    /// Adds up a full chunk, before anything in it is written again.
    fn leave(&self, full: &Chunk, next: u64, supply: &impl LineAllocator) {
        supply.left(full, next);
        let mut sum = ExactSum([0, 1, 2].map(|word| self.sum[word].load(Ordering::Relaxed)));
        sum.add_all::<{ CHUNK_SLOTS as usize }>(|slot| full.value(slot));
        for (word, value) in self.sum.iter().zip(sum.0) {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Makes the next chunk the current one. None where the registry is gone and nobody reads: any memory
    /// that is still there will do.
    fn enter(&self, head: u64, supply: &impl LineAllocator) -> Option<&'static Chunk> {
        let place = if head == 0 { 0 } else { self.next_place(supply) };
        let chunk = self.chunk_at(place as usize, supply)?;
        let [first, second] = &chunk.records;
        let older = second.entered.load(Ordering::Relaxed) < first.entered.load(Ordering::Relaxed);
        let record = if older { second } else { first };
        // Release, "enter": the sum before the index, both before the slots.
        for (to, from) in record.sum.iter().zip(&self.sum) {
            to.store(from.load(Ordering::Relaxed), Ordering::Release);
        }
        record.entered.store(head + 1, Ordering::Release);
        if place >= self.lane.chunks.load(Ordering::Relaxed) {
            // Release, "grow": not before the chunk has a record.
            self.lane.chunks.store(place + 1, Ordering::Release);
        }
        self.place.store(place, Ordering::Relaxed);
        self.chunk.store(chunk, Ordering::Relaxed);
        let next = self.known.get(place as usize + 1).or(self.known.first())?;
        if let Some(next) = next.load(Ordering::Relaxed) {
            next.expect_start();
        }
        Some(chunk)
    }

    fn chunk_at(&self, place: usize, supply: &impl LineAllocator) -> Option<&'static Chunk> {
        let known = self.known.get(place)?;
        if let Some(chunk) = known.load(Ordering::Relaxed) {
            return Some(chunk);
        }
        let chunk = supply.lines(self.table.get(place)?.load(Ordering::Relaxed))?;
        known.store(Some(chunk), Ordering::Relaxed);
        Some(chunk)
    }

    /// The place after the current one, with its line in the table. A ring grows only at the end of
    /// a lap, so that the chunks always stand in the order of their observations.
    fn next_place(&self, supply: &impl LineAllocator) -> u64 {
        let chunks = self.lane.chunks.load(Ordering::Relaxed);
        let next = self.place.load(Ordering::Relaxed) + 1;
        if next < chunks {
            return next;
        }
        let Some(place) = self.table.get(chunks as usize) else { return 0 };
        // Left by the life of the lane before this one.
        if place.load(Ordering::Relaxed) != 0
            && let Some(chunk) = self.chunk_at(chunks as usize, supply)
        {
            Chunk::clear(chunk);
            return chunks;
        }
        let Some(line) = supply.claim(Chunk::LINES) else {
            supply.short();
            return 0;
        };
        place.store(line, Ordering::Relaxed);
        chunks
    }
}

/// The stamp of an observation that came with an older one. Not inline, so that it is a branch: the
/// next observation need not wait for this one's stamp.
#[cold]
#[inline(never)]
fn raised(last: u64) -> u64 {
    last
}
