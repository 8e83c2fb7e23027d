//! One thread's part of a series, and the one lane of a gauge.

use std::sync::{
    Weak,
    atomic::{AtomicU64 as StdAtomicU64, compiler_fence},
};

use crate::{
    buckets::Buckets,
    ring::Ring,
    segment::{
        layout::{AtomicRef, Chunk, Lane, Loss},
        supply::Supply,
        writer::Segment,
    },
    sum::LIMIT,
    sync::{AtomicBool, AtomicU64, Ordering},
};

/// A lane as its one writer uses it.
#[derive(Debug)]
pub(crate) struct LaneWriter {
    /// Set while the lane is being written: a signal handler that interrupted the write must not
    /// write too.
    busy: AtomicBool,
    lane: &'static Lane,
    /// None for counters.
    timer: Option<TimerLane>,
    /// What it can be used for again.
    shape: Shape,
    /// Which life of its series it serves.
    life: StdAtomicU64,
    /// In the list of those that were taken from their shard.
    pub(super) next: AtomicRef<LaneWriter>,
}

/// What lanes have in common that can be used for one another's series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// The segment's.
    pub(super) ordinal: u32,
    /// A timer's window; 0 for counters.
    pub(super) window: u32,
    /// A timer's bounds, as bits.
    pub(super) bounds: Vec<u64>,
}

/// What a timer's lane has beside its head.
#[derive(Debug)]
pub(super) struct TimerLane {
    pub(super) ring: Ring,
    pub(super) buckets: Buckets,
    pub(super) growth: Growth,
}

/// Where a lane's parts come from as it grows: the segment that it stands in. Weak, for a lane
/// stays with its thread when the registry is gone, and then the owner's lock must go too.
#[derive(Debug)]
pub(super) struct Growth(pub(super) Weak<Segment>);

impl Supply for Growth {
    fn claim(&self, lines: u64) -> Option<u64> {
        self.0.upgrade()?.claim(lines)
    }

    fn chunk(&self, line: u64) -> Option<&'static Chunk> {
        self.0.upgrade()?.mapping().lines(line)
    }

    fn words(&self, line: u64, lines: u64) -> Option<&'static [AtomicU64]> {
        self.0.upgrade()?.mapping().words(line, lines)
    }

    fn short(&self) {
        if let Some(segment) = self.0.upgrade() {
            segment.lose(Loss::ShortWindow);
        }
    }
}

/// Whether a lane took what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Yes,
    /// The caller interrupted a write of the same lane.
    Reentered,
}

impl LaneWriter {
    pub(super) fn new(lane: &'static Lane, timer: Option<TimerLane>, shape: Shape) -> LaneWriter {
        let (busy, life) = (AtomicBool::new(false), StdAtomicU64::new(0));
        LaneWriter { busy, lane, timer, shape, life, next: AtomicRef::none() }
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The life of its series that it serves.
    pub(super) fn life(&self) -> u64 {
        self.life.load(Ordering::Relaxed)
    }

    /// Says which life of a series it serves from now on; it is in no table.
    pub(super) fn serve(&self, life: u64) {
        self.life.store(life, Ordering::Relaxed);
    }

    /// Whether a signal handler runs that interrupted a write.
    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Shows the lane as one of the series with that word. False where it was hidden before.
    pub(super) fn publish(&self, word: u64) -> bool {
        self.lane.publish(word)
    }

    /// Takes the lane from all readers' eyes; for any thread.
    pub(super) fn hide(&self) {
        self.lane.hide();
    }

    /// Makes a hidden lane a new one; for the thread that may write it.
    pub(super) fn clear(&self) {
        if let Some(TimerLane { ring, buckets, growth }) = &self.timer {
            buckets.clear();
            ring.clear(growth);
        }
        self.lane.clear();
    }

    /// Records an observation of a timer.
    #[inline]
    pub(super) fn observe(&self, value: f64, stamp: u64) -> Taken {
        self.exclusively(|| {
            if let Some(TimerLane { ring, buckets, growth }) = &self.timer {
                buckets.add(value, growth);
                ring.push(value, stamp, growth);
            }
        })
    }

    /// Adds to a counter, which stays below [`LIMIT`]: a reader takes no more.
    #[inline]
    pub(super) fn add(&self, by: f64) -> Taken {
        self.exclusively(|| {
            let value = f64::from_bits(self.lane.head.load(Ordering::Relaxed)) + by;
            self.lane.head.store(value.min(LIMIT.next_down()).to_bits(), Ordering::Release);
        })
    }

    #[inline(always)]
    fn exclusively(&self, write: impl FnOnce()) -> Taken {
        if self.busy.load(Ordering::Relaxed) {
            return Taken::Reentered;
        }
        self.busy.store(true, Ordering::Relaxed);
        // Keep the compiler from moving the write out: a handler on this thread sees program order.
        compiler_fence(Ordering::SeqCst);
        write();
        compiler_fence(Ordering::SeqCst);
        self.busy.store(false, Ordering::Relaxed);
        Taken::Yes
    }
}

/// A gauge's lane, which all threads of the process write.
#[derive(Debug)]
pub(crate) struct SharedLane {
    /// The process on the line of forks that may write it.
    pub(super) generation: u32,
    /// The segment's.
    pub(super) ordinal: u32,
    pub(super) lane: &'static Lane,
}

impl SharedLane {
    /// See [`LaneWriter::publish`].
    pub(super) fn publish(&self, word: u64) -> bool {
        self.lane.publish(word)
    }

    /// See [`LaneWriter::hide`].
    pub(super) fn hide(&self) {
        self.lane.hide();
    }

    /// See [`LaneWriter::clear`].
    pub(super) fn clear(&self) {
        self.lane.clear();
    }

    pub(super) fn set(&self, to: f64) {
        // Release, pairs with readers' acquire of the lane's head.
        self.lane.head.store(to.to_bits(), Ordering::Release);
    }

    pub(super) fn add(&self, by: f64) {
        let add = |bits| {
            let sum = f64::from_bits(bits) + by;
            sum.is_finite().then_some(sum.to_bits())
        };
        // Refused where the sum would be infinite: the gauge stays.
        let _ = self.lane.head.fetch_update(Ordering::Release, Ordering::Relaxed, add);
    }
}
