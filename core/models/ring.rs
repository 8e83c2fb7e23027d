//! Models of a ring's writer and a concurrent reader.

use std::sync::Arc;

use super::{check, run};
use crate::{
    format::{
        layout::{CHUNK_SLOTS, Chunk, Lane, Lines, ring_chunks, table_lines},
        line_allocator::LineAllocator,
    },
    ring::{Ring, RingReadError, read},
    segment::writer::Segment,
    sum::ExactSum,
    sync::Ordering,
};

/// Allocates a ring's chunks, or refuses them.
struct Growth(Arc<Segment>, bool);

impl LineAllocator for Growth {
    fn allocate(&self, lines: u64) -> Option<u64> {
        self.1.then(|| self.0.claim(lines))?
    }

    fn lines<T: Lines>(&self, line: u64) -> Option<&'static T> {
        self.0.mapping().lines(line)
    }

    fn on_window_truncated(&self) {}
}

fn value(index: u64) -> f64 {
    (index + 1) as f64
}

fn stamp(index: u64) -> u64 {
    index + 7
}

fn sum(head: u64) -> ExactSum {
    let mut sum = ExactSum::default();
    (0..head).for_each(|index| sum.add_value(value(index)));
    sum
}

/// A ring that pushes while it is read.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    window: u32,
    /// Observations before the reader starts, and concurrently with it.
    before: u64,
    concurrent: u64,
    /// Whether there is memory for more than the first chunk.
    grows: bool,
    lines: (usize, usize),
    preemptions: usize,
    /// The head of an earlier reading; 0 for none.
    since: u64,
    /// Minimum number of the newest observations that a reading must have, at each head.
    least: fn(u64) -> u64,
}

impl Case {
    fn check(self) {
        check(self.name, self.preemptions, self.lines, move || self.run());
    }

    fn run(self) {
        let Case { window, before, concurrent, since, .. } = self;
        let segment = Arc::new(Segment::anonymous().unwrap());
        let lane: &'static Lane = &segment.new_block().unwrap().lanes[0];
        let lane_line = segment.header.root.load(Ordering::Relaxed) + 1;
        let full = ring_chunks(window);
        let line = segment.claim(table_lines(full) + Chunk::LINES).unwrap();
        let table = &segment.words(line, table_lines(full)).unwrap()[..full as usize];
        table[0].store(line + table_lines(full), Ordering::Relaxed);
        lane.table.store(line, Ordering::Relaxed);
        lane.chunks.store(1, Ordering::Relaxed);
        let first = segment.mapping().lines(line + table_lines(full)).unwrap();
        let ring = Ring::new(lane, table, first);
        let growth = Growth(Arc::clone(&segment), self.grows);
        for index in 0..before {
            ring.push(value(index), stamp(index), &growth);
        }
        let writer = move || {
            for index in before..before + concurrent {
                ring.push(value(index), stamp(index), &growth);
            }
        };
        let reader = move || match read(&segment, lane_line, window, since) {
            Ok(reading) => {
                let head = reading.head;
                assert!((before..=before + concurrent).contains(&head), "a head of another time: {head}");
                assert_eq!(reading.sum, sum(head), "the sum at {head}");
                let length = reading.newest.len() as u64;
                assert!(length <= head, "{length} observations at {head}");
                for (index, &seen) in (head - length..).zip(&reading.newest) {
                    assert_eq!(seen, (stamp(index), value(index)), "{index} below {head}");
                }
                let least = (self.least)(head).min(head - since);
                assert!(length >= least, "{length} observations at {head}");
            }
            Err(RingReadError::Overrun) => {}
            Err(wrong) => panic!("{wrong:?}"),
        };
        run([Box::new(writer), Box::new(reader)]);
    }
}

/// A full ring of two chunks that continues: a chunk is entered again while it is copied.
pub fn a_full_ring_is_read_with_concurrent_writer() {
    assert_eq!((CHUNK_SLOTS, ring_chunks(2)), (2, 2));
    Case {
        name: "full ring",
        window: 2,
        before: 4,
        concurrent: 2,
        grows: true,
        lines: (24, 24),
        preemptions: 2,
        since: 0,
        least: |head| head.min(2),
    }
    .check();
}

/// A ring that gets its second chunk, in new memory, while it is read.
pub fn a_ring_grows_with_concurrent_reader() {
    Case {
        name: "growing ring",
        window: 3,
        before: 1,
        concurrent: 2,
        grows: true,
        lines: (18, 40),
        preemptions: 2,
        since: 0,
        least: |head| head.min(3),
    }
    .check();
}

/// A ring that gets no second chunk and enters its first again while it is read.
pub fn a_ring_short_of_memory_is_read_with_concurrent_writer() {
    Case {
        name: "short ring",
        window: 2,
        before: 2,
        concurrent: 2,
        grows: false,
        lines: (24, 24),
        preemptions: 1,
        since: 0,
        least: |_| 0,
    }
    .check();
}

/// A full ring, of which only the new observations are read.
pub fn a_full_ring_is_followed_with_concurrent_writer() {
    Case {
        name: "followed ring",
        window: 2,
        before: 5,
        concurrent: 2,
        grows: true,
        lines: (24, 24),
        preemptions: 2,
        since: 4,
        least: |head| head.min(2),
    }
    .check();
}

/// A ring that gets no second chunk, of which only the new observations are read.
pub fn a_ring_short_of_memory_is_followed_with_concurrent_writer() {
    Case {
        name: "followed short ring",
        window: 3,
        before: 4,
        concurrent: 2,
        grows: false,
        lines: (24, 24),
        preemptions: 1,
        since: 3,
        least: |_| 0,
    }
    .check();
}

/// The first observation of all.
pub fn the_first_chunk_is_used_with_concurrent_reader() {
    Case {
        name: "first chunk",
        window: 2,
        before: 0,
        concurrent: 2,
        grows: true,
        lines: (24, 24),
        preemptions: 2,
        since: 0,
        least: |head| head.min(2),
    }
    .check();
}
