//! The writer's side of a lane: one thread's part of a series.

use std::sync::{
    Weak,
    atomic::{AtomicU64 as StdAtomicU64, AtomicUsize, compiler_fence},
};

use crate::{
    exemplar,
    format::{
        layout::{self, Chunk, HealthCounter, Lane, Lines},
        line_allocator::LineAllocator,
        series_word::SeriesWord,
    },
    histogram::{self, LaneBuckets},
    ring::Ring,
    segment::writer::{ANCHOR_INTERVAL, Segment},
    sum::LIMIT,
    sync::{AtomicBool, AtomicU64, Ordering, static_ref::AtomicOptionRef},
};

/// A lane, as its only writer uses it. The fields that an observation needs are in its first cache
/// line, which it shares with no other lane.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct LaneWriter {
    /// The ring of a timer's lane; empty for a counter.
    ring: Ring,
    counter: CounterLane,
    rest: LaneResources,
    /// The shape that decides which series can reuse the lane.
    shape: LaneSpec,
    /// The incarnation of its series that it serves.
    incarnation: StdAtomicU64,
    /// The id of the series that it serves.
    series: AtomicUsize,
    /// The next lane in the list of lanes to return to their owner, or of parked lanes.
    pub(super) next: AtomicOptionRef<LaneWriter>,
}

/// The properties that a lane must have so that another series can reuse it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LaneSpec {
    /// The ordinal of the segment.
    pub(super) ordinal: u32,
    /// A timer's window; 0 for counters.
    pub(super) window: u32,
    /// A timer's bounds, as bits; none if it has no buckets.
    pub(super) bounds: Option<Vec<u64>>,
}

/// Lines of a series' descriptor, unless its labels are long.
const DESCRIPTOR_LINES: u64 = 4;

impl LaneSpec {
    /// Lines that such a lane takes when it is created, with a descriptor and without its block.
    pub(super) fn lines(&self) -> u64 {
        if self.window == 0 {
            return DESCRIPTOR_LINES;
        }
        let buckets = self.bounds.as_ref().map_or(0, |bounds| histogram::lines(bounds.len()));
        DESCRIPTOR_LINES + layout::table_lines(layout::ring_chunks(self.window)) + buckets + Chunk::LINES
    }

    fn bounds(&self) -> usize {
        self.bounds.as_ref().map_or(0, Vec::len)
    }
}

/// The state of a counter's lane in addition to its head.
#[derive(Debug, Default)]
struct CounterLane {
    /// As in a ring: set while a write is in progress.
    busy: AtomicBool,
    /// The rounding error of the head's last addition, as `f64` bits. Without it, a million
    /// additions of a tenth would drift.
    compensation: AtomicU64,
}

/// The parts that a timer's lane needs once in 64 observations.
#[derive(Debug)]
pub(super) struct LaneResources {
    /// The segment in which the lane lies, and from which it grows. Weak: a lane stays with its
    /// thread after the registry is dropped, and the owner's lock must be released then.
    pub(super) segment: Weak<Segment>,
    /// None for a counter, and for a timer without buckets.
    pub(super) buckets: Option<LaneBuckets>,
    /// The stamp at which the lane last renewed its segment's anchor.
    pub(super) anchored: StdAtomicU64,
    /// Called once the clock of the segment's stamps was reset. It makes the thread look up its
    /// lanes again, perhaps in another segment.
    pub(super) on_outlived: fn(),
}

impl LineAllocator for LaneResources {
    fn allocate(&self, lines: u64) -> Option<u64> {
        self.segment.upgrade()?.claim_to_grow(lines)
    }

    fn lines<T: Lines>(&self, line: u64) -> Option<&'static T> {
        self.segment.upgrade()?.mapping().lines(line)
    }

    fn on_window_truncated(&self) {
        if let Some(segment) = self.segment.upgrade() {
            segment.count_rejected(HealthCounter::WindowTruncated);
        }
    }

    fn on_chunk_finished(&self, full: &Chunk, next: u64) {
        if let Some(buckets) = &self.buckets {
            buckets.add(full.values(), self);
        }
        // Kept per lane, so that threads do not contend for the segment's field.
        if next.wrapping_sub(self.anchored.load(Ordering::Relaxed)) >= ANCHOR_INTERVAL {
            self.anchored.store(next, Ordering::Relaxed);
            if let Some(segment) = self.segment.upgrade() {
                segment.renew_anchor();
                if segment.has_outlived_clock() {
                    (self.on_outlived)();
                }
            }
        }
    }
}

/// The result of a write to a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordResult {
    Recorded,
    /// The caller interrupted a write of the same lane.
    Reentrant,
}

impl LaneWriter {
    pub(super) fn new(ring: Ring, rest: LaneResources, shape: LaneSpec) -> LaneWriter {
        let (counter, life, series) = (CounterLane::default(), StdAtomicU64::new(0), AtomicUsize::new(0));
        LaneWriter { ring, counter, rest, shape, incarnation: life, series, next: AtomicOptionRef::null() }
    }

    fn lane(&self) -> &'static Lane {
        self.ring.lane()
    }

    pub(super) fn shape(&self) -> &LaneSpec {
        &self.shape
    }

    /// Returns the word of the series under which the lane is published; none if it is hidden.
    pub(super) fn series_word(&self) -> Option<SeriesWord> {
        let word = SeriesWord::from_bits(self.lane().series.load(Ordering::Relaxed));
        word.is_published().then_some(word)
    }

    /// Whether the lane is published under that series word.
    #[inline(always)]
    pub(super) fn shows_series(&self, word: SeriesWord) -> bool {
        self.lane().series.load(Ordering::Relaxed) == word.bits()
    }

    /// Returns the incarnation of its series that the lane serves.
    pub(super) fn incarnation(&self) -> u64 {
        self.incarnation.load(Ordering::Relaxed)
    }

    /// Whether the lane serves that incarnation of that series.
    pub(super) fn serves(&self, series: usize, life: u64) -> bool {
        self.series.load(Ordering::Relaxed) == series && self.incarnation() == life
    }

    /// Sets the incarnation of a series that the lane serves from now on, and the word under which
    /// it will be published. The lane must be in no table.
    pub(super) fn assign(&self, series: usize, life: u64, word: SeriesWord) {
        self.series.store(series, Ordering::Relaxed);
        self.incarnation.store(life, Ordering::Relaxed);
        self.lane().reserve(word);
    }

    /// Whether the caller is a signal handler that interrupted a write.
    pub(super) fn is_writing(&self) -> bool {
        let writes_exemplar = || exemplar::is_writing(self.lane(), &self.rest, self.shape.bounds());
        self.ring.is_writing() || self.counter.busy.load(Ordering::Relaxed) || writes_exemplar()
    }

    /// Publishes the lane under that series word. Returns false if it was hidden before.
    pub(super) fn publish(&self, word: SeriesWord) -> bool {
        self.lane().publish(word)
    }

    /// Unpublishes the lane so that readers skip it. May be called from any thread.
    pub(super) fn unpublish(&self) {
        self.lane().unpublish();
    }

    /// Hides a lane of a segment that was left. Does nothing if the segment has been dropped,
    /// because its memory may be in use by another segment.
    pub(super) fn unpublish_if_mapped(&self) {
        if let Some(_segment) = self.rest.segment.upgrade() {
            self.unpublish();
        }
    }

    /// Resets a hidden lane. Must be called from the thread that may write it.
    pub(super) fn clear(&self) {
        if let Some(buckets) = &self.rest.buckets {
            buckets.clear();
        }
        self.ring.clear(&self.rest);
        self.counter.compensation.store(0, Ordering::Relaxed);
        exemplar::clear(self.lane(), &self.rest, self.shape.bounds());
        self.lane().clear();
    }

    /// Stores an observation's exemplar. Returns false if it is left out.
    pub(super) fn record_exemplar(&self, bounds: &[f64], value: f64, trace_id: &str) -> bool {
        exemplar::record(self.lane(), &self.rest, bounds, value, trace_id)
    }

    /// Records an observation of a timer on the fast path. Returns false, without any effect, if
    /// the slow path is needed.
    #[inline(always)]
    pub(super) fn observe_fast(&self, value: f64, stamp: u64) -> bool {
        self.ring.push_in_chunk(value, stamp)
    }

    /// Records an observation of a timer.
    pub(super) fn observe(&self, value: f64, stamp: u64) -> RecordResult {
        if self.ring.push(value, stamp, &self.rest) {
            RecordResult::Recorded
        } else {
            RecordResult::Reentrant
        }
    }

    /// Adds to a counter, which stays below [`LIMIT`]: readers accept no larger value.
    #[inline]
    pub(super) fn add(&self, by: f64) -> RecordResult {
        let CounterLane { busy, compensation } = &self.counter;
        if busy.load(Ordering::Relaxed) {
            return RecordResult::Reentrant;
        }
        busy.store(true, Ordering::Relaxed);
        // Keep the compiler from moving the write out: a handler on this thread sees program order.
        compiler_fence(Ordering::SeqCst);
        let head = &self.lane().head;
        let value = f64::from_bits(head.load(Ordering::Relaxed));
        let by = by + f64::from_bits(compensation.load(Ordering::Relaxed));
        // The rounding error must never decrease the counter.
        let sum = (value + by).max(value).min(LIMIT.next_down());
        compensation.store(rounding_error(value, by, sum).to_bits(), Ordering::Relaxed);
        head.store(sum.to_bits(), Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        busy.store(false, Ordering::Relaxed);
        RecordResult::Recorded
    }
}

/// Returns the rounding error of `sum`, which is `value + by` rounded (Knuth's two-sum).
#[inline]
fn rounding_error(value: f64, by: f64, sum: f64) -> f64 {
    let added = sum - value;
    (value - (sum - added)) + (by - added)
}
