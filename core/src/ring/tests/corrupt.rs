//! Words that no writer wrote. Each is rejected with the right reason.

use super::{
    Arc, AtomicU64, CHUNK_SLOTS, LINE_WORDS, Lane, Lines, Ordering, Segment, linked_lane, ring_chunks, stamp,
    value,
};
use crate::{
    format::layout::Chunk,
    ring::{RingReadError, RingSnapshot, read},
    sum::LIMIT,
};

const WINDOW: u32 = 100;
/// A chunk, and the beginning of the next.
const OBSERVATIONS: u64 = CHUNK_SLOTS + 6;
/// Words of a record.
const RECORD: usize = LINE_WORDS / 2;

/// A ring whose words can be changed.
struct Ring {
    segment: Arc<Segment>,
    lane: &'static Lane,
    line: u64,
}

impl Ring {
    fn new() -> Ring {
        let segment = Arc::new(Segment::anonymous().unwrap());
        let (lane, line, ring, supply) = linked_lane(&segment, WINDOW);
        for index in 0..OBSERVATIONS {
            ring.push(value(index), stamp(index), &supply);
        }
        drop(supply);
        Ring { segment, lane, line }
    }

    fn chunk(&self, index: usize) -> &[AtomicU64] {
        let table = self.segment.words(self.lane.table.load(Ordering::Relaxed), 1).unwrap();
        self.segment.words(table[index].load(Ordering::Relaxed), Chunk::LINES).unwrap()
    }

    fn slot(&self, index: usize, slot: usize) -> &[AtomicU64] {
        &self.chunk(index)[LINE_WORDS + 2 * slot..][..2]
    }

    fn read(&self) -> Result<RingSnapshot, RingReadError> {
        read(&self.segment, self.line, WINDOW, 0)
    }
}

#[test]
fn slots_that_were_never_written_are_refused() {
    type Change = fn(&Ring) -> (&AtomicU64, u64);
    let changes: [(&str, Change); 12] = [
        ("head", |ring| (&ring.lane.head, u64::MAX / 2 + 1)),
        ("chunks", |ring| (&ring.lane.chunks, 0)),
        ("chunks", |ring| (&ring.lane.chunks, ring_chunks(WINDOW) + 1)),
        ("entered", |ring| (&ring.chunk(0)[0], 2)),
        ("entered", |ring| (&ring.chunk(0)[RECORD], u64::MAX / 2 + 2)),
        ("entered", |ring| (&ring.chunk(1)[0], CHUNK_SLOTS)),
        ("value", |ring| (&ring.slot(0, 7)[0], LIMIT.to_bits())),
        ("value", |ring| (&ring.slot(0, 7)[0], (-0.0_f64).to_bits())),
        ("value", |ring| (&ring.slot(1, 0)[0], f64::NAN.to_bits())),
        ("value", |ring| (&ring.slot(1, 5)[0], f64::INFINITY.to_bits())),
        ("stamps", |ring| (&ring.slot(0, 9)[1], stamp(OBSERVATIONS) + 1)),
        ("stamps", |ring| (&ring.slot(1, 3)[1], 1)),
    ];
    for (number, (what, change)) in changes.into_iter().enumerate() {
        let ring = Ring::new();
        assert_eq!(ring.read().unwrap().head, OBSERVATIONS);
        let (word, wrong) = change(&ring);
        let right = word.load(Ordering::Relaxed);
        word.store(wrong, Ordering::Relaxed);
        match ring.read() {
            Err(RingReadError::Corrupt(why)) => assert!(why.contains(what), "{number}: {why}"),
            other => panic!("{number}, {what}: {other:?}"),
        }
        word.store(right, Ordering::Relaxed);
        assert_eq!(ring.read().unwrap().newest.len() as u64, OBSERVATIONS, "{number}");
    }
}

#[test]
fn maximum_value_is_not_refused() {
    let ring = Ring::new();
    ring.slot(0, 7)[0].store(LIMIT.next_down().to_bits(), Ordering::Relaxed);
    assert_eq!(ring.read().unwrap().newest[7].1, LIMIT.next_down());
}
