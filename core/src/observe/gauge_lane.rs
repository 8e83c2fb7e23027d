//! The writer's side of a gauge's one lane, which can move to another segment.

use crate::{
    format::{layout::Lane, series_word::SeriesWord},
    sync::{AtomicU64, Ordering, static_ref::AtomicOptionRef},
};

/// A gauge's lane. All threads of the process write it.
#[derive(Debug)]
pub(crate) struct GaugeLane {
    /// The fork generation of the process that may write it.
    pub(super) generation: u32,
    /// The ordinal of the segment.
    pub(super) ordinal: u32,
    lane: &'static Lane,
    /// The initial state of the next lane, once this lane has [moved](GaugeLane::move_to).
    carried: AtomicU64,
    next: AtomicOptionRef<GaugeLane>,
}

/// The heads of a lane that has moved, and of a lane that waits for a moved state. No gauge has
/// such a state.
const MOVED: u64 = 0x7ff8_0000_4d4f_5645;
const AWAITED: u64 = 0x7ff8_0000_4157_4149;

impl GaugeLane {
    /// Creates the lane of a gauge in the segment with that ordinal.
    pub(super) fn new(generation: u32, ordinal: u32, lane: &'static Lane) -> GaugeLane {
        GaugeLane { generation, ordinal, lane, carried: AtomicU64::new(0), next: AtomicOptionRef::null() }
    }

    /// Sets the word under which the lane will be published. It is not the gauge's lane yet.
    pub(super) fn reserve(&self, word: SeriesWord) {
        self.lane.reserve(word);
    }

    /// See [`LaneWriter::publish`](super::lane::LaneWriter::publish).
    pub(super) fn publish(&self, word: SeriesWord) -> bool {
        self.lane.publish(word)
    }

    /// See [`LaneWriter::unpublish`](super::lane::LaneWriter::unpublish).
    pub(super) fn hide(&self) {
        self.lane.unpublish();
    }

    /// See [`LaneWriter::clear`](super::lane::LaneWriter::clear).
    pub(super) fn clear(&self) {
        self.lane.clear();
    }

    /// Sets the state. Returns false if the lane has moved.
    pub(super) fn set(&self, to: f64) -> bool {
        self.change(|_| Some(to.to_bits()))
    }

    /// Adds to the state. Returns false if the lane has moved.
    pub(super) fn add(&self, by: f64) -> bool {
        self.change(|bits| {
            let sum = f64::from_bits(bits) + by;
            // If the sum would be infinite, the gauge keeps its state.
            sum.is_finite().then_some(sum.to_bits())
        })
    }

    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> bool {
        let head = &self.lane.head;
        let unless_moved = |bits| if bits == MOVED { None } else { change(bits) };
        // Release, pairs with readers' acquire of the lane's head. Acquire, "move": a thread that
        // finds the lane moved sees the next lane.
        let changed = head.fetch_update(Ordering::Release, Ordering::Acquire, unless_moved);
        changed != Err(MOVED)
    }

    /// Moves the state to a lane that no other thread has seen. Threads that still write this lane
    /// continue there, from the state that it carried. No write that has returned is lost, and no
    /// thread waits.
    pub(super) fn move_to(&self, to: &'static GaugeLane) {
        to.lane.head.store(AWAITED, Ordering::Relaxed);
        self.next.store(Some(to), Ordering::Release);
        let head = &self.lane.head;
        let mut state = head.load(Ordering::Relaxed);
        loop {
            self.carried.store(state, Ordering::Relaxed);
            // Release, "move": publishes the next lane and the carried state.
            match head.compare_exchange(state, MOVED, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(other) => state = other,
            }
        }
        self.successor();
    }

    /// Returns the lane that this one has moved to. Initializes it with the carried state.
    pub(super) fn successor(&self) -> Option<&'static GaugeLane> {
        let next = self.next.load(Ordering::Acquire)?;
        let carried = self.carried.load(Ordering::Relaxed);
        let _ = next.lane.head.compare_exchange(AWAITED, carried, Ordering::Release, Ordering::Relaxed);
        Some(next)
    }
}
