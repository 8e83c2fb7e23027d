//! Models of a lane's buckets and a concurrent reader.

use std::sync::Arc;

use super::{check, run};
use crate::{
    format::{layout::Lines, line_allocator::LineAllocator},
    histogram::{self, Bounds, Distribution, LaneBuckets},
    ring::RingSnapshot,
    segment::writer::Segment,
};

/// Allocates pages from a segment that grows.
struct Growth(Arc<Segment>);

impl LineAllocator for Growth {
    fn allocate(&self, lines: u64) -> Option<u64> {
        self.0.claim(lines)
    }

    fn lines<T: Lines>(&self, line: u64) -> Option<&'static T> {
        self.0.mapping().lines(line)
    }

    fn on_window_truncated(&self) {}
}

/// Returns the buckets as a reader sees them if the ring has two observations and some are counted.
fn read(segment: &Arc<Segment>, line: u64) -> Distribution {
    let reading = RingSnapshot { head: 2, newest: vec![(1, 1.0), (1, 1.0)], ..RingSnapshot::default() };
    histogram::read(segment, line, &[]).unwrap().complete_with(&reading).unwrap()
}

/// A page is claimed in new memory, and counted in, while the buckets are read.
pub fn a_bucket_page_is_first_used_with_concurrent_reader() {
    check("bucket page", 3, (14, 40), || {
        let segment = Arc::new(Segment::anonymous().unwrap());
        let lines = histogram::lines(0);
        let line = segment.claim(lines).unwrap();
        let bounds = Arc::new(Bounds::new(&[]));
        let own = LaneBuckets::new(bounds, segment.words(line, lines).unwrap());
        let growth = Growth(Arc::clone(&segment));
        let writer = move || {
            own.add([1.0].into_iter(), &growth);
            own.add([1.0].into_iter(), &growth);
        };
        let shared = Arc::clone(&segment);
        let reader = move || {
            let seen = read(&shared, line);
            assert_eq!((seen.zero, seen.unallocated), (0, 0));
            let counted: u64 = seen.exponential.values().sum();
            assert!(counted <= 2 && seen.count() <= 2, "{seen:?}");
            assert!(seen.exponential.iter().all(|(bucket, _)| bucket == 0), "{seen:?}");
        };
        run([Box::new(writer), Box::new(reader)]);
        let seen = read(&segment, line);
        assert_eq!((seen.count(), seen.exponential.get(0)), (2, 2));
    });
}
