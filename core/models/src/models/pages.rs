//! A lane's buckets against their reader.

use std::sync::Arc;

use super::{check, run};
use crate::{
    buckets::{self, Buckets},
    segment::{layout::Chunk, supply::Supply, writer::Segment},
    sync::AtomicU64,
};

/// Pages from a segment that grows.
struct Growth(Arc<Segment>);

impl Supply for Growth {
    fn claim(&self, lines: u64) -> Option<u64> {
        self.0.claim(lines)
    }

    fn chunk(&self, _: u64) -> Option<&'static Chunk> {
        None
    }

    fn words(&self, line: u64, lines: u64) -> Option<&'static [AtomicU64]> {
        self.0.words(line, lines)
    }

    fn short(&self) {}
}

/// A page is claimed in memory that is new, and counted in, while the buckets are read.
pub fn a_bucket_page_is_first_used_beside_a_reader() {
    check("bucket page", 3, (14, 40), || {
        let segment = Arc::new(Segment::anonymous().unwrap());
        let lines = buckets::lines(0);
        let line = segment.claim(lines).unwrap();
        let own = Buckets::new(&[], segment.words(line, lines).unwrap());
        let growth = Growth(Arc::clone(&segment));
        let writer = move || {
            own.add(1.0, &growth);
            own.add(1.0, &growth);
        };
        let shared = Arc::clone(&segment);
        let reader = move || {
            let mut last = 0;
            for _ in 0..2 {
                let seen = buckets::read(&shared, line, &[]).unwrap();
                assert_eq!((seen.zero, seen.unplaced), (0, 0));
                let counted: u64 = seen.exponential.values().sum();
                assert!((last..=2).contains(&counted), "{counted} after {last}");
                assert!(seen.exponential.keys().all(|&bucket| bucket == 0), "{seen:?}");
                last = counted;
            }
        };
        run([Box::new(writer), Box::new(reader)]);
        let seen = buckets::read(&segment, line, &[]).unwrap();
        assert_eq!((seen.count(), seen.exponential.get(&0)), (2, Some(&2)));
    });
}
