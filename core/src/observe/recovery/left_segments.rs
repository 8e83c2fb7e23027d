//! The segments that are being left, and those whose content other processes have.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use arc_swap::{ArcSwap, Guard};

use crate::{
    observe::thread_lanes::Parked,
    segment::{copy::SegmentCopy, writer::Segment},
};

/// The segments in which no lanes are created any more.
#[derive(Debug, Default)]
pub(super) struct LeftSegments {
    /// Segments that are being left.
    leaving: ArcSwap<Vec<Arc<Leaving>>>,
    /// Segments whose content other processes have. They are part of the records of this process.
    left: ArcSwap<Vec<Arc<Segment>>>,
    finished: AtomicUsize,
}

/// A segment that is being left.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) segment: Arc<Segment>,
    pub(super) state: Mutex<LeavingState>,
}

#[derive(Debug, Default)]
pub(super) struct LeavingState {
    pub(super) lanes: Option<Parked>,
    pub(super) copy: Option<(SegmentCopy, Instant)>,
}

impl LeftSegments {
    /// Returns the entries of the segments that are being left. A forked child also finds those of
    /// its parent.
    pub(super) fn entries(&self) -> Guard<Arc<Vec<Arc<Leaving>>>> {
        self.leaving.load()
    }

    /// Returns the segments whose content is in no file, as far as is known.
    pub(super) fn leaving(&self) -> Vec<Arc<Segment>> {
        let leaving = self.leaving.load();
        // A forked child inherits the list, but not the work.
        let own = leaving.iter().filter(|leaving| leaving.segment.belongs_to_this_process());
        own.map(|leaving| Arc::clone(&leaving.segment)).collect()
    }

    /// Returns the segments whose content other processes have.
    pub(super) fn left(&self) -> Vec<Arc<Segment>> {
        Vec::clone(&self.left.load())
    }

    /// Returns the number of calls of [`finish`](LeftSegments::finish).
    pub(super) fn finished(&self) -> usize {
        self.finished.load(Relaxed)
    }

    pub(super) fn begin_to_leave(&self, segment: &Arc<Segment>) {
        self.leaving.rcu(|leaving| {
            let mut leaving = Vec::clone(leaving);
            leaving.retain(|one| one.segment.belongs_to_this_process());
            if !leaving.iter().any(|one| one.segment.id == segment.id) {
                leaving.push(Arc::new(Leaving { segment: Arc::clone(segment), state: Mutex::default() }));
            }
            leaving
        });
    }

    pub(super) fn finish(&self, done: &Arc<Leaving>) {
        // The turn to recover, which the caller has, orders it.
        self.finished.fetch_add(1, Relaxed);
        self.left.rcu(|left| {
            let mut left = Vec::clone(left);
            left.retain(|one| one.belongs_to_this_process() && one.id != done.segment.id);
            left.push(Arc::clone(&done.segment));
            left
        });
        self.leaving
            .rcu(|leaving| leaving.iter().filter(|one| !Arc::ptr_eq(one, done)).cloned().collect::<Vec<_>>());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::LeftSegments;
    use crate::segment::writer::Segment;

    fn ids(segments: &[Arc<Segment>]) -> Vec<u64> {
        segments.iter().map(|segment| segment.id).collect()
    }

    fn all_ids(segments: &LeftSegments) -> Vec<u64> {
        segments.entries().iter().map(|entry| entry.segment.id).collect()
    }

    #[test]
    fn segment_has_one_entry_until_it_is_finished() {
        let [one, other] = [(); 2].map(|()| Arc::new(Segment::anonymous().unwrap()));
        let segments = LeftSegments::default();
        segments.begin_to_leave(&one);
        segments.begin_to_leave(&other);
        segments.begin_to_leave(&one);
        assert_eq!(ids(&segments.leaving()), [one.id, other.id]);
        assert_eq!((segments.left().len(), segments.finished()), (0, 0));
        let entry = Arc::clone(&segments.entries()[0]);
        segments.finish(&entry);
        assert_eq!(ids(&segments.leaving()), [other.id]);
        assert_eq!((ids(&segments.left()), segments.finished()), (vec![one.id], 1));
        let entry = Arc::clone(&segments.entries()[0]);
        segments.finish(&entry);
        assert_eq!((ids(&segments.left()), segments.finished()), (vec![one.id, other.id], 2));
    }

    #[test]
    fn segment_that_is_left_again_is_listed_once() {
        let segment = Arc::new(Segment::anonymous().unwrap());
        let segments = LeftSegments::default();
        for _ in 0..2 {
            segments.begin_to_leave(&segment);
            let entry = Arc::clone(&segments.entries()[0]);
            segments.finish(&entry);
            assert_eq!((ids(&segments.left()), segments.leaving().len()), (vec![segment.id], 0));
        }
    }

    #[test]
    fn forked_child_drops_the_segments_of_its_parent() {
        let own = Arc::new(Segment::anonymous().unwrap());
        let [leaving, left] = [(); 2].map(|()| {
            let mut segment = Segment::anonymous().unwrap();
            // No process has this generation.
            segment.generation = 0;
            Arc::new(segment)
        });
        let segments = LeftSegments::default();
        segments.begin_to_leave(&left);
        let entry = Arc::clone(&segments.entries()[0]);
        segments.finish(&entry);
        segments.begin_to_leave(&leaving);
        assert_eq!((all_ids(&segments), segments.leaving().len()), (vec![leaving.id], 0));
        segments.begin_to_leave(&own);
        assert_eq!(all_ids(&segments), [own.id]);
        let entry = Arc::clone(&segments.entries()[0]);
        segments.finish(&entry);
        assert_eq!(ids(&segments.left()), [own.id]);
    }
}
