//! One thread's part of a series, and the one lane of a gauge.

use std::sync::{
    Weak,
    atomic::{AtomicU64 as StdAtomicU64, AtomicUsize, compiler_fence},
};

use super::thread_lanes;
use crate::{
    exemplar,
    format::{
        layout::{self, BLOCK_LANES, Block, Chunk, HealthCounter, Lane, Lines, UNPUBLISHED},
        line_allocator::LineAllocator,
    },
    histogram::{self, LaneBuckets},
    ring::Ring,
    segment::writer::{ANCHOR_INTERVAL, Segment},
    sum::LIMIT,
    sync::{AtomicBool, AtomicU64, Ordering, static_ref::AtomicOptionRef},
};

/// A lane as its one writer uses it. What an observation needs of it is in its first line, and no
/// other lane's is.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct LaneWriter {
    /// A timer's; a counter has none.
    ring: Ring,
    counter: CounterLane,
    rest: LaneResources,
    /// What it can be used for again.
    shape: LaneSpec,
    /// Which life of its series it serves.
    life: StdAtomicU64,
    /// The series that it serves.
    series: AtomicUsize,
    /// In the list of those that were taken from their shard, or of those that it has left.
    pub(super) next: AtomicOptionRef<LaneWriter>,
}

/// What lanes have in common that can be used for one another's series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LaneSpec {
    /// The segment's.
    pub(super) ordinal: u32,
    /// A timer's window; 0 for counters.
    pub(super) window: u32,
    /// A timer's bounds, as bits; none without buckets.
    pub(super) bounds: Option<Vec<u64>>,
}

/// Lines of a series' descriptor, as far as its labels are not long.
const DESCRIPTOR_LINES: u64 = 4;

impl LaneSpec {
    /// Lines that such a lane takes when it is created, with its share of a block and a descriptor.
    pub(super) fn lines(&self) -> u64 {
        let lane = Block::LINES.div_ceil(BLOCK_LANES as u64) + DESCRIPTOR_LINES;
        if self.window == 0 {
            return lane;
        }
        let buckets = self.bounds.as_ref().map_or(0, |bounds| histogram::lines(bounds.len()));
        lane + layout::table_lines(layout::full_ring(self.window)) + buckets + Chunk::LINES
    }

    fn bounds(&self) -> usize {
        self.bounds.as_ref().map_or(0, Vec::len)
    }
}

/// What a counter's lane has beside its head.
#[derive(Debug, Default)]
struct CounterLane {
    /// As a ring's.
    busy: AtomicBool,
    /// What the head's last rounding left over, as `f64` bits: else a million additions of a tenth
    /// would drift.
    left_over: AtomicU64,
}

/// What a timer's lane needs once in 64 observations.
#[derive(Debug)]
pub(super) struct LaneResources {
    /// Where a lane's parts come from as it grows: the segment that it stands in. Weak, for a lane
    /// stays with its thread when the registry is gone, and then the owner's lock must go too.
    pub(super) segment: Weak<Segment>,
    /// None for a timer without, and for counters.
    pub(super) buckets: Option<LaneBuckets>,
    /// The stamp at which the lane last had its segment's anchor renewed.
    pub(super) anchored: StdAtomicU64,
}

impl LineAllocator for LaneResources {
    fn claim(&self, lines: u64) -> Option<u64> {
        self.segment.upgrade()?.claim_to_grow(lines)
    }

    fn lines<T: Lines>(&self, line: u64) -> Option<&'static T> {
        self.segment.upgrade()?.mapping().lines(line)
    }

    fn short(&self) {
        if let Some(segment) = self.segment.upgrade() {
            segment.lose(HealthCounter::WindowTruncated);
        }
    }

    fn left(&self, full: &Chunk, next: u64) {
        if let Some(buckets) = &self.buckets {
            buckets.add(full.values(), self);
        }
        // Kept by lane, so that threads do not meet at the segment's.
        if next.wrapping_sub(self.anchored.load(Ordering::Relaxed)) >= ANCHOR_INTERVAL {
            self.anchored.store(next, Ordering::Relaxed);
            if let Some(segment) = self.segment.upgrade() {
                segment.renew_anchor();
                if segment.has_outlived_clock() || segment.is_check_due(next) {
                    // The next observation looks for a lane, maybe in another segment.
                    thread_lanes::forget_lanes();
                }
            }
        }
    }
}

/// Whether a lane took what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordResult {
    Recorded,
    /// The caller interrupted a write of the same lane.
    Reentrant,
}

impl LaneWriter {
    pub(super) fn new(ring: Ring, rest: LaneResources, shape: LaneSpec) -> LaneWriter {
        let (counter, life, series) = (CounterLane::default(), StdAtomicU64::new(0), AtomicUsize::new(0));
        LaneWriter { ring, counter, rest, shape, life, series, next: AtomicOptionRef::none() }
    }

    fn lane(&self) -> &'static Lane {
        self.ring.lane()
    }

    pub(super) fn shape(&self) -> &LaneSpec {
        &self.shape
    }

    /// The word of the series as which it is shown; none where it is hidden.
    pub(super) fn word(&self) -> Option<u64> {
        let word = self.lane().series.load(Ordering::Relaxed);
        (word & UNPUBLISHED == 0).then_some(word)
    }

    /// Whether it is shown as the series of that word.
    #[inline(always)]
    pub(super) fn shows(&self, word: u64) -> bool {
        self.lane().series.load(Ordering::Relaxed) == word
    }

    /// The life of its series that it serves.
    pub(super) fn life(&self) -> u64 {
        self.life.load(Ordering::Relaxed)
    }

    /// Whether it serves that life of that series.
    pub(super) fn serves(&self, series: usize, life: u64) -> bool {
        self.series.load(Ordering::Relaxed) == series && self.life() == life
    }

    /// Says which life of a series it serves from now on, and with which word it will be shown; it is in
    /// no table.
    pub(super) fn serve(&self, series: usize, life: u64, word: u64) {
        self.series.store(series, Ordering::Relaxed);
        self.life.store(life, Ordering::Relaxed);
        self.lane().promise(word);
    }

    /// Whether a signal handler runs that interrupted a write.
    pub(super) fn is_busy(&self) -> bool {
        let writes_exemplar = || exemplar::is_busy(self.lane(), &self.rest, self.shape.bounds());
        self.ring.is_busy() || self.counter.busy.load(Ordering::Relaxed) || writes_exemplar()
    }

    /// Shows the lane as one of the series with that word. False where it was hidden before.
    pub(super) fn publish(&self, word: u64) -> bool {
        self.lane().publish(word)
    }

    /// Takes the lane from all readers' eyes; for any thread.
    pub(super) fn hide(&self) {
        self.lane().hide();
    }

    /// The same for a lane that was left with its segment, which may be gone, and its memory another's.
    pub(super) fn hide_if_there(&self) {
        if let Some(_segment) = self.rest.segment.upgrade() {
            self.hide();
        }
    }

    /// Makes a hidden lane a new one; for the thread that may write it.
    pub(super) fn clear(&self) {
        if let Some(buckets) = &self.rest.buckets {
            buckets.clear();
        }
        self.ring.clear(&self.rest);
        self.counter.left_over.store(0, Ordering::Relaxed);
        exemplar::clear(self.lane(), &self.rest, self.shape.bounds());
        self.lane().clear();
    }

    /// Keeps an observation's exemplar; false where it is left out.
    pub(super) fn exemplify(&self, bounds: &[f64], value: f64, trace_id: &str) -> bool {
        exemplar::record(self.lane(), &self.rest, bounds, value, trace_id)
    }

    /// Records an observation of a timer where that is as usual; false, and nothing is done, where it
    /// is not.
    #[inline(always)]
    pub(super) fn observe_usual(&self, value: f64, stamp: u64) -> bool {
        self.ring.push_behind(value, stamp)
    }

    /// Records an observation of a timer.
    pub(super) fn observe(&self, value: f64, stamp: u64) -> RecordResult {
        if self.ring.push(value, stamp, &self.rest) {
            RecordResult::Recorded
        } else {
            RecordResult::Reentrant
        }
    }

    /// Adds to a counter, which stays below [`LIMIT`]: a reader takes no more.
    #[inline]
    pub(super) fn add(&self, by: f64) -> RecordResult {
        let CounterLane { busy, left_over } = &self.counter;
        if busy.load(Ordering::Relaxed) {
            return RecordResult::Reentrant;
        }
        busy.store(true, Ordering::Relaxed);
        // Keep the compiler from moving the write out: a handler on this thread sees program order.
        compiler_fence(Ordering::SeqCst);
        let head = &self.lane().head;
        let value = f64::from_bits(head.load(Ordering::Relaxed));
        let by = by + f64::from_bits(left_over.load(Ordering::Relaxed));
        // It never falls, whatever is left over.
        let sum = (value + by).max(value).min(LIMIT.next_down());
        left_over.store(rounded_off(value, by, sum).to_bits(), Ordering::Relaxed);
        head.store(sum.to_bits(), Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        busy.store(false, Ordering::Relaxed);
        RecordResult::Recorded
    }
}

/// What `sum`, which is `value + by` rounded, lacks of it (Knuth's two-sum).
#[inline]
fn rounded_off(value: f64, by: f64, sum: f64) -> f64 {
    let added = sum - value;
    (value - (sum - added)) + (by - added)
}

/// A gauge's lane, which all threads of the process write.
#[derive(Debug)]
pub(crate) struct GaugeLane {
    /// The process on the line of forks that may write it.
    pub(super) generation: u32,
    /// The segment's.
    pub(super) ordinal: u32,
    lane: &'static Lane,
    /// The state that the lane after it begins with, once it has [moved](GaugeLane::move_to).
    carried: AtomicU64,
    next: AtomicOptionRef<GaugeLane>,
}

/// What a lane holds that has moved, and one that others move to. No gauge has such a state.
const MOVED: u64 = 0x7ff8_0000_4d4f_5645;
const AWAITED: u64 = 0x7ff8_0000_4157_4149;

impl GaugeLane {
    /// A lane of a segment of that ordinal.
    pub(super) fn new(generation: u32, ordinal: u32, lane: &'static Lane) -> GaugeLane {
        GaugeLane { generation, ordinal, lane, carried: AtomicU64::new(0), next: AtomicOptionRef::none() }
    }

    /// Says with which word it will be shown; it is not the gauge's lane yet.
    pub(super) fn promise(&self, word: u64) {
        self.lane.promise(word);
    }

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

    /// Sets the state; false where the lane has moved.
    pub(super) fn set(&self, to: f64) -> bool {
        self.change(|_| Some(to.to_bits()))
    }

    /// Adds to the state; false where the lane has moved.
    pub(super) fn add(&self, by: f64) -> bool {
        self.change(|bits| {
            let sum = f64::from_bits(bits) + by;
            // Refused where the sum would be infinite: the gauge stays.
            sum.is_finite().then_some(sum.to_bits())
        })
    }

    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> bool {
        let head = &self.lane.head;
        let unless_moved = |bits| if bits == MOVED { None } else { change(bits) };
        // Release, pairs with readers' acquire of the lane's head. Acquire, "move": what comes after a lane
        // that has moved is known.
        let changed = head.fetch_update(Ordering::Release, Ordering::Acquire, unless_moved);
        changed != Err(MOVED)
    }

    /// Moves the state to a lane that nobody has seen. Whoever still writes this one goes on there, from
    /// the state that it carried; nothing that has returned is lost, and nobody waits.
    pub(super) fn move_to(&self, to: &'static GaugeLane) {
        to.lane.head.store(AWAITED, Ordering::Relaxed);
        self.next.store(Some(to), Ordering::Release);
        let head = &self.lane.head;
        let mut state = head.load(Ordering::Relaxed);
        loop {
            self.carried.store(state, Ordering::Relaxed);
            // Release, "move": with what comes after it.
            match head.compare_exchange(state, MOVED, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(other) => state = other,
            }
        }
        self.successor();
    }

    /// The lane that this one has moved to, with the state that it begins with.
    pub(super) fn successor(&self) -> Option<&'static GaugeLane> {
        let next = self.next.load(Ordering::Acquire)?;
        let carried = self.carried.load(Ordering::Relaxed);
        let _ = next.lane.head.compare_exchange(AWAITED, carried, Ordering::Release, Ordering::Relaxed);
        Some(next)
    }
}
