//! The writer's side of a ring.

use crate::{
    segment::{
        layout::{AtomicRef, CHUNK_SLOTS, Chunk, Lane, Lines},
        supply::Supply,
    },
    sum::Exact,
    sync::{AtomicU64, Ordering},
};

/// What the writer of a lane keeps in its own memory. One thread pushes at a time; all stores are
/// atomics only so that the ring can be handed from thread to thread.
#[derive(Debug)]
pub(crate) struct Ring {
    lane: &'static Lane,
    table: &'static [AtomicU64],
    /// The chunk of the newest observation.
    chunk: AtomicRef<Chunk>,
    /// Its place in the table.
    place: AtomicU64,
    last_stamp: AtomicU64,
    /// The exact sum of all before the current chunk.
    sum: [AtomicU64; 3],
}

impl Ring {
    /// The ring of a new lane whose table holds its first chunk's line, and nothing else yet.
    pub(crate) fn new(lane: &'static Lane, table: &'static [AtomicU64]) -> Ring {
        Ring {
            lane,
            table,
            chunk: AtomicRef::none(),
            place: AtomicU64::new(0),
            // A stamp of 0 is a slot that was never written.
            last_stamp: AtomicU64::new(1),
            sum: [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    /// Makes the ring of a hidden lane a new one, which goes on to use the chunks that it has.
    /// Release, "recycle": not before the lane was hidden.
    pub(crate) fn clear(&self, supply: &impl Supply) {
        self.lane.head.store(0, Ordering::Release);
        self.lane.chunks.store(1, Ordering::Release);
        if let Some(first) = self.table.first().and_then(|line| supply.chunk(line.load(Ordering::Relaxed))) {
            first.clear();
        }
        self.chunk.store(None, Ordering::Relaxed);
        self.place.store(0, Ordering::Relaxed);
        self.last_stamp.store(1, Ordering::Relaxed);
        self.sum.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    /// Appends one observation. The stamp is raised to the last one where it is older.
    #[inline]
    pub(crate) fn push(&self, value: f64, stamp: u64, supply: &impl Supply) {
        let head = self.lane.head.load(Ordering::Relaxed);
        let slot = (head % CHUNK_SLOTS) as usize;
        let chunk = if slot == 0 { self.enter(head, supply) } else { self.chunk.load(Ordering::Relaxed) };
        let Some(chunk) = chunk else { return };
        let stamp = stamp.max(self.last_stamp.load(Ordering::Relaxed));
        self.last_stamp.store(stamp, Ordering::Relaxed);
        // Release, "reuse": not before the head that let go of what stood here.
        chunk.slots[slot].value.store(value.to_bits(), Ordering::Release);
        chunk.slots[slot].stamp.store(stamp, Ordering::Release);
        // Release, "publish".
        self.lane.head.store(head + 1, Ordering::Release);
    }

    /// Makes the next chunk the current one. Once in 64 observations.
    #[cold]
    fn enter(&self, head: u64, supply: &impl Supply) -> Option<&'static Chunk> {
        let mut sum = Exact([0, 1, 2].map(|word| self.sum[word].load(Ordering::Relaxed)));
        if let Some(full) = self.chunk.load(Ordering::Relaxed) {
            for slot in &full.slots {
                sum.add_value(f64::from_bits(slot.value.load(Ordering::Relaxed)));
            }
        }
        let place = if head == 0 { 0 } else { self.next_place(supply) };
        let chunk = supply.chunk(self.table.get(place as usize)?.load(Ordering::Relaxed))?;
        // Release, "enter": the base before the sum, both before the slots.
        chunk.base.store(head, Ordering::Release);
        for (word, &value) in sum.0.iter().enumerate() {
            chunk.sum[word].store(value, Ordering::Release);
            self.sum[word].store(value, Ordering::Relaxed);
        }
        if place >= self.lane.chunks.load(Ordering::Relaxed) {
            // Release, "grow": without its base, the chunk would pass for the ring's first one.
            self.lane.chunks.store(place + 1, Ordering::Release);
        }
        self.place.store(place, Ordering::Relaxed);
        self.chunk.store(Some(chunk), Ordering::Relaxed);
        Some(chunk)
    }

    /// The place after the current one, with its line in the table. A ring grows only at the end of
    /// a lap, so that the chunks always stand in the order of their observations.
    fn next_place(&self, supply: &impl Supply) -> u64 {
        let chunks = self.lane.chunks.load(Ordering::Relaxed);
        let next = self.place.load(Ordering::Relaxed) + 1;
        if next < chunks {
            return next;
        }
        let Some(place) = self.table.get(chunks as usize) else { return 0 };
        // Left by the life of the lane before this one.
        if let Some(chunk) = Some(place.load(Ordering::Relaxed)).filter(|&line| line != 0)
            && let Some(chunk) = supply.chunk(chunk)
        {
            chunk.clear();
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
