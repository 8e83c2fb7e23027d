//! Readings of slots while they are written, of slots of another series, and of arbitrary words.
//!
//! [`WeakMemoryView`] determines which of the writer's stores a reader may see. Value, time and
//! trace id encode the number of their exemplar.
#![cfg(not(ictus_loom))]

use std::{cell::Cell, io, sync::Arc};

use proptest::prelude::*;

use super::{
    Exemplar, MAX_CLOCK_SKEW, MAX_TRACE_ID_BYTES, bucket, clear, is_writing, keep_newest, lines, read,
    record, slots,
};
use crate::{
    clock,
    format::{
        layout::{ExemplarSlot, LINE_WORDS, Lane, Lines},
        line_allocator::LineAllocator,
        line_index::LineIndex,
        series_word::SeriesWord,
        source::SegmentSource,
    },
    ring::LaneHeader,
    segment::{
        weak_memory::{Random, Trace, WeakMemoryView},
        writer::Segment,
    },
    sum::LIMIT,
    sync::{Ordering, store_trace},
};

const BOUNDS: [f64; 2] = [10.0, 100.0];

/// A segment with memory for a limited number of claims.
struct LimitedAllocator {
    segment: Arc<Segment>,
    claims: Cell<u64>,
}

impl LineAllocator for LimitedAllocator {
    fn allocate(&self, lines: u64) -> Option<u64> {
        self.claims.set(self.claims.get().checked_sub(1)?);
        self.segment.claim(lines)
    }

    fn lines<T: Lines>(&self, line: u64) -> Option<&'static T> {
        self.segment.mapping().lines(line)
    }

    fn on_window_truncated(&self) {}
}

/// Creates an empty lane. Returns its line, too.
fn new_lane() -> (LimitedAllocator, &'static Lane, u64) {
    let segment = Arc::new(Segment::anonymous().unwrap());
    let lane = &segment.new_block().unwrap().lanes[0];
    let line = segment.header.root.load(Ordering::Relaxed) + 1;
    (LimitedAllocator { segment, claims: Cell::new(1) }, lane, line)
}

/// Values of all three buckets, not in order.
fn value(number: u64) -> f64 {
    [0.0, 10.0, 0.0, 100.0, 10.0][number as usize % 5] + 1.0 + number as f64 / 1e3
}

/// Every word of the id encodes the number.
fn trace_id(number: u64) -> String {
    format!("{number:08}").repeat(1 + number as usize % 12)
}

fn number(exemplar: &Exemplar) -> u64 {
    exemplar.trace_id[..8].parse().unwrap()
}

/// The stores of a writer to a lane that had one series after another.
struct Written {
    trace: Trace,
    line: u64,
    words: Vec<SeriesWord>,
    /// The number of exemplars of each series.
    length: u64,
    /// The time at which each exemplar was written.
    times: Vec<u64>,
}

impl Written {
    fn of(series: u64, length: u64) -> Written {
        let word = |life: u64| SeriesWord::new(life as u32 + 1, LineIndex::new(1));
        let (mut line, mut times) = (0, Vec::new());
        let trace = Trace::of(|| {
            let (supply, lane, at) = new_lane();
            line = at;
            let published = store_trace::count();
            for life in 0..series {
                if life > 0 {
                    lane.unpublish();
                    clear(lane, &supply, BOUNDS.len());
                    lane.clear();
                }
                lane.reserve(word(life));
                assert!(lane.publish(word(life)));
                for number in life * length..(life + 1) * length {
                    assert!(record(lane, &supply, &BOUNDS, value(number), &trace_id(number)));
                    let last = read(&supply.segment, line, BOUNDS.len()).unwrap();
                    times.push(last.iter().map(|one| one.time).max().unwrap());
                }
            }
            (Arc::clone(&supply.segment), vec![published])
        });
        Written { trace, line, words: (0..series).map(word).collect(), length, times }
    }

    /// Lets a reader read twice. Returns the number of exemplars that it saw, or a description of
    /// the fault.
    fn reader(&self, reader: u64) -> Result<usize, String> {
        let eyes = WeakMemoryView::new(&self.trace, Random(reader));
        let mut seen = 0;
        for _ in 0..2 {
            let header = LaneHeader::read(&eyes, self.line).unwrap();
            if !header.series.is_published() {
                continue;
            }
            // Read again, as for the head: the words of the first read may be of several moments.
            let exemplified = LaneHeader::read(&eyes, self.line).unwrap().exemplified;
            if exemplified == 0 {
                continue;
            }
            let exemplars = read(&eyes, self.line, BOUNDS.len()).unwrap();
            if LaneHeader::read(&eyes, self.line).unwrap().series != header.series {
                continue;
            }
            let life = self.words.iter().position(|&word| word == header.series).unwrap() as u64;
            let numbers = life * self.length..(life + 1) * self.length;
            let numbers_read = numbers.start..numbers.end.min(numbers.start + exemplified);
            for exemplar in &exemplars {
                let number = number(exemplar);
                let whole = numbers.contains(&number)
                    && exemplar.value == value(number)
                    && *exemplar.trace_id == *trace_id(number)
                    && exemplar.time == self.times[number as usize];
                let newest = numbers_read
                    .clone()
                    .rfind(|&other| bucket(&BOUNDS, value(other)) == bucket(&BOUNDS, value(number)));
                if !whole || newest.is_some_and(|newest| number < newest) {
                    return Err(format!("{exemplar:?} in life {life} with {numbers_read:?}"));
                }
            }
            seen += exemplars.len();
        }
        Ok(seen)
    }
}

#[test]
fn a_reader_never_tears_an_exemplar() {
    let written = Written::of(1, 200);
    let seen: usize = (0..4000).map(|reader| written.reader(reader).unwrap()).sum();
    assert!(seen > 8000, "{seen} exemplars");
}

#[test]
fn a_reader_never_sees_the_exemplar_of_another_series() {
    let written = Written::of(12, 7);
    let seen: usize = (0..10_000).map(|reader| written.reader(reader).unwrap()).sum();
    assert!(seen > 10_000, "{seen} exemplars");
}

#[test]
fn killed_writer_leaves_complete_exemplars() {
    let written = Written::of(1, 40);
    let count = written.line as usize * LINE_WORDS + std::mem::offset_of!(Lane, exemplified) / 8;
    for stores in written.trace.published..=written.trace.stores.len() {
        let eyes = WeakMemoryView::after_read(&written.trace, stores);
        let complete = written.trace.recorded_at(count, stores);
        let exemplars = read(&eyes, written.line, BOUNDS.len()).unwrap();
        for bucket in 0..=BOUNDS.len() {
            let is_in = |number: &u64| super::bucket(&BOUNDS, value(*number)) == bucket;
            let newest = (0..complete).rfind(is_in);
            let shown = exemplars.iter().map(number).find(is_in);
            // The bucket of the exemplar that is being written shows none, or shows that one
            // already.
            let in_the_making = is_in(&complete) && complete < 40;
            let holds = shown == newest || in_the_making && shown.is_none_or(|shown| shown == complete);
            assert!(holds, "after {stores} stores, {complete} exemplars: {exemplars:?}");
        }
    }
}

#[test]
fn interrupting_handler_tears_no_exemplar() {
    let (supply, lane, line) = new_lane();
    assert!(record(lane, &supply, &BOUNDS, 1.0, "first"));
    let slot: &ExemplarSlot = supply.lines(lane.exemplars.load(Ordering::Relaxed)).unwrap();
    let turn = slot.turn.load(Ordering::Relaxed);
    // Another write of the slot has begun.
    slot.turn.store(turn + 1, Ordering::Relaxed);
    assert!(is_writing(lane, &supply, BOUNDS.len()));
    assert!(!record(lane, &supply, &BOUNDS, 2.0, "handler's"));
    assert!(record(lane, &supply, &BOUNDS, 20.0, "in another slot"));
    assert_eq!(slot.turn.load(Ordering::Relaxed), turn + 1);
    slot.turn.store(turn + 2, Ordering::Relaxed);
    assert!(!is_writing(lane, &supply, BOUNDS.len()));
    let exemplars = read(&supply.segment, line, BOUNDS.len()).unwrap();
    assert!(exemplars.iter().map(|one| &*one.trace_id).eq(["first", "in another slot"]));
}

#[test]
fn without_memory_there_are_no_exemplars() {
    let (supply, lane, line) = new_lane();
    supply.claims.set(0);
    assert!(!record(lane, &supply, &BOUNDS, 1.0, "a"));
    assert_eq!(read(&supply.segment, line, BOUNDS.len()).unwrap(), []);
    supply.claims.set(1);
    assert!(record(lane, &supply, &BOUNDS, 1.0, "a"));
    assert_eq!(read(&supply.segment, line, BOUNDS.len()).unwrap().len(), 1);
}

#[test]
fn neighbours_of_many_buckets_share_a_slot() {
    let bounds: Vec<f64> = (1..=1000).map(f64::from).collect();
    let (supply, lane, line) = new_lane();
    for bucket in 0..=1000 {
        assert!(record(lane, &supply, &bounds, f64::from(bucket) + 0.5, &bucket.to_string()));
    }
    let exemplars = read(&supply.segment, line, bounds.len()).unwrap();
    assert_eq!((exemplars.len(), exemplars[0].value, exemplars[31].value), (32, 31.5, 1000.5));
    assert_eq!((lines(bounds.len()), lines(0), slots(14)), (64, 2, 15));
}

/// A segment of only a lane and the parts that follow it.
struct Bytes(Vec<u64>);

impl SegmentSource for Bytes {
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        let start = (line as usize).checked_mul(LINE_WORDS).ok_or(io::ErrorKind::UnexpectedEof)?;
        let words = self.0.get(start..).and_then(|words| words.get(..into.len()));
        into.copy_from_slice(words.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn lines(&self) -> io::Result<u64> {
        Ok((self.0.len() / LINE_WORDS) as u64)
    }
}

fn any_slot() -> impl Strategy<Value = [u64; 16]> {
    let now = clock::wall();
    let turn = prop_oneof![4 => Just(2), 1 => 0..4_u64, 1 => any::<u64>()];
    let value = prop_oneof![4 => (0.0..1e3).prop_map(f64::to_bits), 1 => any::<u64>(), 1 => any::<f64>().prop_map(f64::to_bits)];
    let time = prop_oneof![4 => now - 1000..now, 1 => any::<u64>(), 1 => Just(0), 1 => Just(now + 2 * MAX_CLOCK_SKEW)];
    let length = prop_oneof![6 => 1..=96_u64, 1 => any::<u64>(), 1 => 0..100_u64];
    let text = prop_oneof![
        4 => "[0-9a-f]{96}".prop_map(String::into_bytes),
        2 => "\\PC{24}".prop_map(String::into_bytes),
        1 => ".{96}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 96),
    ];
    (turn, value, time, length, text).prop_map(|(turn, value, time, length, mut text)| {
        text.resize(MAX_TRACE_ID_BYTES, b'0');
        let text = text.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap()));
        let words: Vec<u64> = [turn, value, time, length].into_iter().chain(text).collect();
        words.try_into().unwrap()
    })
}

/// The rules, in a second implementation.
fn holds(words: &[u64; 16]) -> bool {
    let bytes: Vec<u8> = words[4..].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let (turn, value, time, length) = (words[0], f64::from_bits(words[1]), words[2], words[3]);
    let text = std::str::from_utf8(&bytes[..length.min(96) as usize]);
    let is_text = (1..=96).contains(&length) && text.is_ok_and(|text| !text.contains(char::is_control));
    let is_of_now = time > 0 && time < clock::wall() + MAX_CLOCK_SKEW;
    turn != 0 && turn % 2 == 0 && (0.0..LIMIT).contains(&value) && is_of_now && is_text
}

proptest! {
    #[test]
    fn arbitrary_words_are_read_as_valid_exemplars_only(written in prop::array::uniform3(any_slot()), at in prop_oneof![4 => Just(1), 1 => 0..10_u64, 1 => any::<u64>()]) {
        let lane = [1, 1, 0, 0, at, 1, 0, 0];
        let bytes = Bytes(lane.into_iter().chain(written.iter().copied().flatten()).collect());
        let read = read(&bytes, 0, BOUNDS.len());
        if at != 1 {
            prop_assert!(at == 0 && read.unwrap().is_empty() || only_exemplars_in_the_file_are_read(at, &bytes));
            return Ok(());
        }
        let read = read.unwrap();
        let expected: Vec<&[u64; 16]> = written.iter().filter(|words| holds(words)).collect();
        prop_assert_eq!(read.len(), expected.len());
        for (one, words) in read.iter().zip(expected) {
            prop_assert_eq!((one.value.to_bits(), one.time, one.trace_id.len() as u64), (words[1], words[2], words[3]));
        }
    }

    #[test]
    fn the_newest_of_each_bucket_is_kept(
        all in prop::collection::vec((0.0..150.0, 1..9_u64, "[ab]"), 0..40),
        swaps in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let of = |(value, time, id): &(f64, u64, String)| Exemplar { value: *value, time: *time, trace_id: id.as_str().into() };
        let all: Vec<Exemplar> = all.iter().map(of).collect();
        let mut kept = all.clone();
        keep_newest(&mut kept, &BOUNDS);
        for bucket in 0..3 {
            let is_in = |one: &&Exemplar| super::bucket(&BOUNDS, one.value) == bucket;
            let newest = all.iter().filter(is_in).map(|one| one.time).max();
            prop_assert_eq!(kept.iter().filter(is_in).map(|one| one.time).collect::<Vec<_>>(), Vec::from_iter(newest));
        }
        prop_assert!(kept.is_sorted_by(|one, other| one.value < other.value));
        // The result does not depend on the order of the exemplars or on their division.
        let mut other = all;
        for (at, swap) in swaps.iter().enumerate().take(other.len()) {
            let with = swap.index(other.len());
            other.swap(at, with);
        }
        let mut later = other.split_off(other.len() / 2);
        keep_newest(&mut later, &BOUNDS);
        other.extend(later);
        keep_newest(&mut other, &BOUNDS);
        let said = |kept: &[Exemplar]| kept.iter().map(|one| (one.time, one.trace_id.clone())).collect::<Vec<_>>();
        prop_assert_eq!(said(&other), said(&kept));
    }
}

/// Reads lines that the segment lacks, which is an error, or any other lines, which are no lane's.
fn only_exemplars_in_the_file_are_read(at: u64, bytes: &Bytes) -> bool {
    let fits = at.checked_add(lines(BOUNDS.len())).is_some_and(|end| end <= bytes.lines().unwrap());
    read(bytes, 0, BOUNDS.len()).is_ok() == fits
}
