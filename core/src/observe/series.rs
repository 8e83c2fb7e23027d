//! One series in the recording process: its label values, its incarnations, and its descriptor.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use super::{
    family_definition::FamilyDefinition,
    gauge_lane::GaugeLane,
    label_values::{LabelQuery, LabelValues},
    process_segments::ProcessSegments,
    series_ids,
    thread_lanes::{self, Disposition},
};
use crate::{
    format::{
        descriptor::{MAX_BYTES, SeriesDescriptor},
        limits::MAX_VALUE,
        series_word::SeriesWord,
    },
    segment::writer::{Segment, SeriesLocation},
    sync::{AtomicU64, Ordering, fence, static_ref::AtomicOptionRef},
    sys::fork,
};

/// A series of a family.
///
/// A series has one incarnation after another: an observation of an expired series begins
/// the next one. A new series has the state of an expired one until its first incarnation begins. A
/// lane serves one incarnation and ends with it.
#[derive(Debug)]
pub(crate) struct Series {
    /// Dense: the index in every thread's table of lanes. It is reused after this series is
    /// dropped. At that time no handle leads to it and no table has a lane there.
    pub(super) id: usize,
    pub(super) family: Arc<FamilyDefinition>,
    values: LabelValues,
    /// The number of the current incarnation. The low bits hold the [`SeriesState`].
    incarnation: AtomicU64,
    /// The incarnation that readers can see; see [`Series::is_published`].
    published: AtomicU64,
    described: ArcSwapOption<(u64, SeriesLocation)>,
    /// A gauge's one lane.
    pub(super) shared: AtomicOptionRef<GaugeLane>,
    /// A gauge's hidden lane between two incarnations.
    kept: AtomicOptionRef<GaugeLane>,
}

/// The state of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeriesState {
    Active = 0,
    /// Expired: the next observation begins another incarnation.
    Expired = 1,
    /// Expired, and its family has dropped it: observations go to the series that the family has in
    /// its place.
    Detached = 2,
    /// Removed: observations are rejected and counted.
    Removed = 3,
}

const STATE_BITS: u32 = 2;

impl Series {
    pub(super) fn new(family: Arc<FamilyDefinition>, requested: &LabelQuery<'_>) -> Series {
        Series {
            id: series_ids::acquire(),
            family,
            values: requested.into(),
            incarnation: AtomicU64::new(SeriesState::Expired as u64),
            published: AtomicU64::new(0),
            described: ArcSwapOption::empty(),
            shared: AtomicOptionRef::null(),
            kept: AtomicOptionRef::null(),
        }
    }

    pub(super) fn values(&self) -> &LabelValues {
        &self.values
    }

    pub(super) fn state(&self) -> SeriesState {
        state(self.life_word())
    }

    fn life_word(&self) -> u64 {
        self.incarnation.load(Ordering::Acquire)
    }

    /// Returns the current incarnation, or none if the series is not active.
    pub(super) fn incarnation(&self) -> Option<u64> {
        let word = self.life_word();
        (state(word) == SeriesState::Active).then_some(word >> STATE_BITS)
    }

    /// Returns the number of the expired incarnation, or none if the series is not expired.
    pub(super) fn expired_life(&self) -> Option<u64> {
        let word = self.life_word();
        (state(word) == SeriesState::Expired).then_some(word >> STATE_BITS)
    }

    /// Begins the incarnation that follows the expired `incarnation`. Returns whether this or
    /// another thread has begun it, even if it has ended since.
    pub(super) fn revive(&self, life: u64) -> bool {
        let (expired, active) = (life << STATE_BITS | SeriesState::Expired as u64, (life + 1) << STATE_BITS);
        let begun = self.incarnation.compare_exchange(expired, active, Ordering::AcqRel, Ordering::Relaxed);
        begun.map_or_else(|word| word >> STATE_BITS > life, |_| true)
    }

    /// Whether readers can see the current incarnation: a thread of this process has, or had, a
    /// lane of it.
    #[inline]
    pub(super) fn is_published(&self) -> bool {
        self.published.load(Ordering::Relaxed)
            == Series::publication(self.incarnation.load(Ordering::Relaxed))
    }

    /// Notes that a lane of this incarnation is published.
    pub(super) fn note_published(&self, life: u64) {
        self.published.store(Series::publication(life << STATE_BITS), Ordering::Relaxed);
    }

    /// Returns the publication mark of an active incarnation in this fork generation. It is never
    /// 0. The mark of a word that is not active is never stored.
    #[inline]
    fn publication(word: u64) -> u64 {
        u64::from(fork::generation()) << 40 | (word & ((1 << 38) - 1)) << 1 | 1
    }

    /// Ends the current incarnation, if any, and leaves the series in the state `to`, or in a later
    /// state that it has already. The lanes and the descriptor of the incarnation are released.
    /// Returns false if it had ended before.
    pub(super) fn end(&self, to: SeriesState) -> bool {
        let ended = |word| {
            // An expired series that its family has dropped must not begin another incarnation.
            ((state(word) as u64) < to as u64).then_some(word >> STATE_BITS << STATE_BITS | to as u64)
        };
        let Ok(previous) = self.incarnation.fetch_update(Ordering::AcqRel, Ordering::Relaxed, ended) else {
            return false;
        };
        let was_present = state(previous) == SeriesState::Active;
        if was_present {
            self.release_resources(previous >> STATE_BITS);
        }
        was_present
    }

    /// Marks an expired series as dropped by its family.
    pub(super) fn detach(&self) -> bool {
        let forgotten = |word| {
            (state(word) == SeriesState::Expired)
                .then_some(word >> STATE_BITS << STATE_BITS | SeriesState::Detached as u64)
        };
        self.incarnation.fetch_update(Ordering::AcqRel, Ordering::Relaxed, forgotten).is_ok()
    }

    /// Releases the lanes and the descriptor of an incarnation.
    fn release_resources(&self, life: u64) {
        let described = self.described.load_full();
        // "end": either a thread that creates a lane sees the end, or this thread sees its lane.
        fence(Ordering::SeqCst);
        thread_lanes::end(self.id, life, Disposition::Discard);
        let shared = self.shared.load(Ordering::Acquire);
        if let Some(lane) = shared
            && lane.generation == fork::generation()
            && self.shared.compare_exchange(Some(lane), None, Ordering::AcqRel).is_ok()
        {
            lane.hide();
            self.store_spare_lane(lane);
        }
        // Now no published lane points to the descriptor.
        if let Some(described) = described
            && described.0 == life
        {
            let replaced = self.described.compare_and_swap(&described, None);
            if Guard::into_inner(replaced).is_some_and(|replaced| Arc::ptr_eq(&replaced, &described))
                && let Some(segments) = self.family.segments()
            {
                segments.free_descriptor(&described.1);
            }
        }
    }

    /// Returns the lane that the gauge had in its previous incarnation, if it lies in this segment.
    pub(super) fn take_spare_lane(&self, segment: &Segment) -> Option<&'static GaugeLane> {
        let lane = self.kept.load(Ordering::Acquire)?;
        let own = lane.ordinal == segment.ordinal;
        (own && self.kept.compare_exchange(Some(lane), None, Ordering::AcqRel).is_ok()).then_some(lane)
    }

    /// Keeps a gauge's hidden lane for its next incarnation. Of two that threads created at once,
    /// it keeps one.
    pub(super) fn store_spare_lane(&self, lane: &'static GaugeLane) {
        // Release, "kept": the lane is hidden.
        let _ = self.kept.compare_exchange(None, Some(lane), Ordering::Release);
    }

    /// Returns a hidden lane in a segment for a gauge's current incarnation, and the series word
    /// under which it will be published.
    pub(super) fn new_shared_lane(
        &self,
        segment: &Segment,
        life: u64,
        segments: &ProcessSegments,
    ) -> Option<(&'static GaugeLane, SeriesWord)> {
        let word = self.describe(segment, life)?;
        let lane = match self.take_spare_lane(segment).or_else(|| segments.free_gauge_lanes.acquire(segment))
        {
            Some(lane) => {
                lane.clear();
                lane
            }
            None => {
                let (generation, ordinal) = (segment.generation, segment.ordinal);
                Box::leak(Box::new(GaugeLane::new(generation, ordinal, segment.shared_lane()?)))
            }
        };
        lane.reserve(word);
        Some((lane, word))
    }

    /// Moves a gauge out of the segment with the ordinal `from`. Returns false if `to` has no
    /// memory for it.
    pub(super) fn move_gauge(&self, from: u32, to: &Segment, segments: &ProcessSegments) -> bool {
        let Some(old) = self.shared.load(Ordering::Acquire) else { return true };
        let Some(life) = self.incarnation() else { return true };
        if old.ordinal != from || old.generation != fork::generation() {
            return true;
        }
        let Some((new, word)) = self.new_shared_lane(to, life, segments) else { return false };
        // Hide the old lane before its state is in another lane: no reader of both counts it twice.
        old.hide();
        old.move_to(new);
        if self.shared.compare_exchange(Some(old), Some(new), Ordering::AcqRel).is_err() {
            // The incarnation has ended.
            new.hide();
            return true;
        }
        // "end": either the thread that ends the incarnation sees the lane, or this thread sees the
        // end.
        fence(Ordering::SeqCst);
        let is_shown = self.incarnation() == Some(life) && new.publish(word);
        if !is_shown && self.shared.compare_exchange(Some(new), None, Ordering::AcqRel).is_ok() {
            new.hide();
        }
        true
    }

    /// Whether the label values are short enough for a descriptor.
    pub(super) fn is_describable(&self) -> bool {
        // In addition to its values, a descriptor holds their lengths and a few numbers.
        let lengths = || self.values.as_slice().iter().map(|value| value.len().min(MAX_VALUE));
        let bytes: usize = lengths().map(|length| length + size_of::<u64>()).sum();
        bytes + 64 <= MAX_BYTES && self.family.record.may_have(lengths().sum())
    }

    /// Returns a lane's series word: the location of the descriptor. Writes the descriptor if the
    /// segment has none for this incarnation.
    pub(super) fn describe(&self, segment: &Segment, life: u64) -> Option<SeriesWord> {
        let cached = self.described.load_full();
        if let Some(cached) = &cached
            && (cached.0, cached.1.ordinal) == (life, segment.ordinal)
        {
            return Some(cached.1.word);
        }
        let family = self.family.descriptor_line(segment)?;
        let begun = segment.time();
        let encode = |serial| SeriesDescriptor::encode(family, serial, begun, self.values.as_slice());
        let location = segment.describe_series(encode)?;
        let word = location.word;
        // Threads that race write two descriptors; readers merge series by their label values.
        self.described.compare_and_swap(&cached, Some(Arc::new((life, location))));
        Some(word)
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        // No handle is left, so no thread writes. Observations of a series that was not removed
        // stay readable.
        if let Some(life) = self.incarnation() {
            thread_lanes::end(self.id, life, Disposition::Retain);
        }
        if let Some(lane) = self.kept.load(Ordering::Acquire)
            && let Some(segments) = self.family.segments()
        {
            segments.free_gauge_lanes.release(lane);
        }
        series_ids::release(self.id);
    }
}

fn state(word: u64) -> SeriesState {
    match word & ((1 << STATE_BITS) - 1) {
        0 => SeriesState::Active,
        1 => SeriesState::Expired,
        2 => SeriesState::Detached,
        _ => SeriesState::Removed,
    }
}
