//! Compares every reading with the actual contents of the ring, over random schedules under weak
//! memory.
//!
//! [`WeakMemoryView`] determines which of the writer's stores a reader may see.
//!
//! Values and timestamps encode their index. So a test detects a slot of another lap, a slot that
//! was never written, a torn sum and a lost observation.
#![cfg(not(ictus_loom))]

mod concurrent;
mod corrupt;
mod lane_reuse;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{RingReadError, RingSnapshot, read, writer::Ring};
use crate::{
    format::{
        layout::{CHUNK_SLOTS, Chunk, LINE_WORDS, Lane, Lines, ring_chunks, table_lines},
        line_allocator::LineAllocator,
        line_index::LineIndex,
        series_word::SeriesWord,
    },
    histogram::{self, Bounds, BucketCounts, Distribution, LaneBuckets},
    packed::pack,
    segment::{
        weak_memory::{Location, Random, Trace, WeakMemoryView},
        writer::Segment,
    },
    sum::ExactSum,
    sync::{AtomicU64, Ordering, store_trace},
};

/// The stores of a writer to a ring, and the contents of the ring at each head.
struct RecordedPushes {
    trace: Trace,
    lane_line: u64,
    /// The line of the buckets.
    buckets: u64,
    window: u32,
    /// The index from which the ring holds all observations, at each head.
    available: Vec<u64>,
}

/// Upper bounds of classic buckets.
const BOUNDS: [f64; 3] = [10.0, 100.0, 1000.0];

/// A lane as a thread has it. Some claims of chunks fail.
struct LimitedAllocator<'a> {
    segment: &'a Segment,
    head: &'a AtomicU64,
    buckets: LaneBuckets,
    /// Whether memory is exhausted when the ring enters its n-th chunk.
    dry: fn(u64) -> bool,
}

impl LineAllocator for LimitedAllocator<'_> {
    fn allocate(&self, lines: u64) -> Option<u64> {
        let dry = (self.dry)(self.head.load(Ordering::Relaxed) / CHUNK_SLOTS);
        (!dry).then(|| self.segment.claim(lines))?
    }

    fn lines<T: Lines>(&self, line: u64) -> Option<&'static T> {
        self.segment.mapping().lines(line)
    }

    fn on_window_truncated(&self) {}

    fn on_chunk_finished(&self, full: &Chunk, _: u64) {
        self.buckets.add(full.values(), self);
    }
}

/// Creates the table, buckets and first chunk of a lane, as `observe` lays them out, not yet linked
/// to it.
fn new_lane<'a>(
    segment: &'a Segment,
    lane: &'static Lane,
    window: u32,
    dry: fn(u64) -> bool,
) -> (Ring, LimitedAllocator<'a>, impl FnOnce()) {
    let full = ring_chunks(window);
    let bucket_lines = histogram::lines(BOUNDS.len());
    let line = segment.claim(table_lines(full) + bucket_lines + Chunk::LINES).unwrap();
    let table = &segment.words(line, table_lines(full)).unwrap()[..full as usize];
    let words = segment.words(line + table_lines(full), bucket_lines).unwrap();
    let first = line + table_lines(full) + bucket_lines;
    let ring = Ring::new(lane, table, segment.mapping().lines(first).unwrap());
    let buckets = LaneBuckets::new(Arc::new(Bounds::new(&BOUNDS)), words);
    let link = move || {
        table[0].store(first, Ordering::Relaxed);
        lane.table.store(line, Ordering::Relaxed);
        lane.chunks.store(1, Ordering::Relaxed);
    };
    (ring, LimitedAllocator { segment, head: &lane.head, buckets, dry }, link)
}

/// Creates a lane that is linked, with chunks. Returns its line, too.
fn linked_lane(segment: &Segment, window: u32) -> (&'static Lane, u64, Ring, LimitedAllocator<'_>) {
    let lane = &segment.new_block().unwrap().lanes[0];
    let line = segment.header.root.load(Ordering::Relaxed) + 1;
    let (ring, supply, link) = new_lane(segment, lane, window, |_| false);
    link();
    (lane, line, ring, supply)
}

fn value(index: u64) -> f64 {
    (index + 1) as f64
}

fn stamp(index: u64) -> u64 {
    // Some are equal, and some had to be raised.
    index / 3 + 7
}

impl RecordedPushes {
    /// Pushes observations into a ring that gets no more chunks while memory is exhausted.
    fn of(window: u32, observations: u64, dry: fn(u64) -> bool) -> RecordedPushes {
        let full = ring_chunks(window);
        let (mut lane_line, mut table_line, mut chunks) = (0, 0, Vec::new());
        let trace = Trace::of(|| {
            let segment = Arc::new(Segment::anonymous().unwrap());
            let lane = &segment.new_block().unwrap().lanes[0];
            lane_line = segment.header.root.load(Ordering::Relaxed) + 1;
            let (ring, supply, link) = new_lane(&segment, lane, window, dry);
            link();
            lane.series.store(1, Ordering::Release);
            let published = store_trace::count();
            for index in 0..observations {
                ring.push(value(index), stamp(index) - u64::from(index % 3 == 1), &supply);
            }
            table_line = lane.table.load(Ordering::Relaxed);
            let table = segment.words(table_line, table_lines(full)).unwrap();
            let places = table.iter().map(|line| line.load(Ordering::Relaxed) as usize * LINE_WORDS);
            chunks = places.filter(|&line| line != 0).collect();
            drop(supply);
            (segment, vec![published])
        });
        let available = available(&trace, lane_line as usize * LINE_WORDS, &chunks);
        RecordedPushes { trace, lane_line, buckets: table_line + table_lines(full), window, available }
    }
}

/// Replays the stores. Returns the index from which the ring holds all observations, at each head.
fn available(trace: &Trace, head: Location, chunks: &[Location]) -> Vec<u64> {
    let slots = |chunk: Location| chunk + LINE_WORDS..chunk + LINE_WORDS + 2 * CHUNK_SLOTS as usize;
    let (mut available, mut oldest, mut next) = (vec![0], 0, 0);
    let mut indices = HashMap::new();
    for store in &trace.stores[trace.published..] {
        let at = trace.place(store);
        if at == head {
            next = store.value;
            // A reader takes the slot that comes next for one that is being written.
            available.push(oldest);
        } else if chunks.iter().any(|&chunk| slots(chunk).contains(&at) && (at - chunk).is_multiple_of(2))
            && let Some(overwritten) = indices.insert(at, next)
        {
            oldest = overwritten + 1;
            available[next as usize] = oldest;
        }
    }
    // As if there were a next observation.
    if let Some(last) = available.last_mut() {
        *last += 1;
    }
    available
}

/// Checks that a reading matches the ring at the reading's head: the whole window, or all
/// observations since the earlier reading.
fn check(pushed: &RecordedPushes, reading: &RingSnapshot, since: u64, healthy: bool) -> Result<(), String> {
    let head = reading.head;
    let window = u64::from(pushed.window);
    if reading.sum != ExactSum::from_values((0..head).map(value)) {
        return Err(format!("the sum at {head}: {:?}", reading.sum.to_f64()));
    }
    let length = reading.newest.len() as u64;
    let first = head - length;
    for (index, &(at, seen)) in (first..).zip(&reading.newest) {
        if (at, seen) != (stamp(index), value(index)) {
            return Err(format!("{index} below {head} reads {seen} at {at}"));
        }
    }
    let available = if healthy { head } else { head - pushed.available[head as usize] };
    let minimum = available.min(window).min(head - since);
    if length < minimum {
        return Err(format!("{length} observations at {head} since {since}, but {available} were available"));
    }
    Ok(())
}

/// Checks that the distribution is that of `values`.
fn check_distribution(seen: &Distribution, values: impl Iterator<Item = f64>) -> Result<(), String> {
    let (mut classic, mut exponential) = (vec![0; BOUNDS.len() + 1], BTreeMap::new());
    for value in values {
        classic[BOUNDS.partition_point(|&bound| bound < value)] += 1;
        // The definition: in (2^((i-1)/8), 2^(i/8)].
        *exponential.entry((value.log2() * 8.0 - 1e-9).ceil() as i32).or_insert(0) += 1;
    }
    let placed: u64 = seen.exponential.values().sum();
    // An observation without memory for its page is counted in `unplaced`.
    let same = seen.exponential.iter().eq(exponential) || seen.unallocated > 0;
    if same && seen.classic == classic && placed + seen.unallocated == classic.iter().sum() {
        Ok(())
    } else {
        Err(format!("the distribution of {}: {seen:?}", classic.iter().sum::<u64>()))
    }
}

/// Returns whether buckets and a reading together are the distribution of all observations below
/// its head.
fn is_whole(folded: &BucketCounts, reading: &RingSnapshot) -> bool {
    folded
        .covered()
        .is_some_and(|covered| covered.into_iter().all(|covered| reading.since(covered).is_some()))
}

/// Runs readers over a trace. Returns the number that got a reading, and the number that got a
/// distribution.
fn readers(pushed: &RecordedPushes, healthy: bool, count: u64, seed: u64) -> (u64, u64) {
    let RecordedPushes { trace, lane_line, buckets, window, .. } = pushed;
    let (mut read_well, mut counted) = (0, 0);
    for reader in 0..count {
        let eyes = WeakMemoryView::new(trace, Random(pack(seed as u32, reader as u32)));
        let mut since = 0;
        // First the whole ring, then the observations since.
        for time in 0..3 {
            let seen = eyes.state.borrow().seen;
            let folded = histogram::read(&eyes, *buckets, &BOUNDS).unwrap();
            let result = read(&eyes, *lane_line, *window, since);
            let state = eyes.state.borrow();
            let fail = |wrong| panic!("window {window}, reader {seed}/{reader}/{time}: {wrong}");
            match result {
                Ok(reading) => {
                    read_well += u64::from(time == 0);
                    check(pushed, &reading, since, healthy).unwrap_or_else(fail);
                    let head = *lane_line as usize * LINE_WORDS;
                    let possible = trace.recorded_at(head, seen)..=trace.recorded_at(head, state.written);
                    assert!(possible.contains(&reading.head), "a head of another time");
                    let is_whole = is_whole(&folded, &reading);
                    let distribution = folded.complete_with(&reading).unwrap();
                    if is_whole {
                        counted += u64::from(time == 0);
                        check_distribution(&distribution, (0..reading.head).map(value)).unwrap_or_else(fail);
                    }
                    since = reading.head;
                }
                Err(RingReadError::Overrun) => {}
                Err(wrong) => fail(format!("{wrong:?}")),
            }
        }
    }
    (read_well, counted)
}

#[test]
fn a_full_ring_reads_exactly() {
    for (seed, (window, observations, count)) in [
        (1, 700, 800),
        (40, 700, 800),
        (64, 900, 800),
        (300, 1500, 500),
        (1000, 3400, 400),
        (10_000, 21_000, 12),
    ]
    .into_iter()
    .enumerate()
    {
        let pushed = RecordedPushes::of(window, observations, |_| false);
        let (read_well, counted) = readers(&pushed, true, count, seed as u64);
        assert!(read_well > count / 2, "window {window}: only {read_well} of {count} readers read");
        assert!(counted > count / 3, "window {window}: only {counted} of {count} readers counted");
    }
}

#[test]
fn interrupted_observation_follows_those_of_the_handler() {
    let segment = Arc::new(Segment::anonymous().unwrap());
    let (_, line, ring, supply) = linked_lane(&segment, 300);
    let mut index = 0;
    // Within a chunk, at the start of one, and across the end of one.
    for (reserved, written) in [(3, 5), (0, 6), (60, 64), (60, 70), (64, 71), (100, 130)] {
        while index < written {
            assert!(ring.push(value(index), stamp(index), &supply));
            index += 1;
        }
        ring.set_begun(reserved);
        assert!(ring.push(value(index), stamp(index), &supply));
        index += 1;
        // While an observation is being written, no other can be.
        ring.set_begun(index + 1);
        assert!(ring.is_writing() && !ring.push(1.0, 1, &supply));
        assert!(ring.is_writing(), "it is still written");
        ring.set_begun(index);
    }
    let reading = read(&segment, line, 300, 0).unwrap();
    let expected: Vec<_> = (0..index).map(|index| (stamp(index), value(index))).collect();
    assert_eq!((reading.head, reading.sum), (index, ExactSum::from_values((0..index).map(value))));
    assert_eq!(reading.newest, expected);
}

/// A writer killed between any two of its stores leaves all observations that it had published.
#[test]
fn ring_of_a_killed_writer_is_readable() {
    let shortages: [fn(u64) -> bool; 4] = [|_| false, |n| n >= 1, |n| n % 3 != 0, |_| false];
    for ((window, observations), dry) in
        [(1, 400), (40, 400), (300, 700), (1000, 1500)].into_iter().zip(shortages)
    {
        let pushed = RecordedPushes::of(window, observations, dry);
        let RecordedPushes { trace, lane_line, buckets, .. } = &pushed;
        for at in trace.published..=trace.stores.len() {
            let eyes = WeakMemoryView::after_read(trace, at);
            let folded = histogram::read(&eyes, *buckets, &BOUNDS).unwrap();
            let reading = read(&eyes, *lane_line, window, 0)
                .unwrap_or_else(|error| panic!("window {window}, killed at {at}: {error:?}"));
            let head = trace.recorded_at(*lane_line as usize * LINE_WORDS, at);
            assert_eq!(reading.head, head, "window {window}, killed at {at}");
            let fail = |wrong| panic!("window {window}, killed at {at}: {wrong}");
            check(&pushed, &reading, 0, false).unwrap_or_else(fail);
            check_distribution(&folded.complete_with(&reading).unwrap(), (0..head).map(value))
                .unwrap_or_else(fail);
        }
    }
}

#[test]
fn ring_without_memory_reads_its_slots() {
    // There is no memory when the ring enters its n-th chunk: at first, once, periodically, or from
    // then on.
    let shortages: [fn(u64) -> bool; 7] = [
        |n| n < 30,
        |n| (3..40).contains(&n),
        |n| (8..20).contains(&n),
        |n| (15..25).contains(&n),
        |n| n % 3 != 0,
        |n| n % 5 != 0,
        |n| n >= 1,
    ];
    for (seed, window) in [40, 300, 1000].into_iter().enumerate() {
        for (shortage, dry) in shortages.into_iter().enumerate() {
            let pushed = RecordedPushes::of(window, 3800, dry);
            let (read_well, _) = readers(&pushed, false, 100, (100 + 10 * seed + shortage) as u64);
            assert!(read_well > 90, "window {window}, shortage {shortage}: {read_well} of 100 read");
        }
    }
}
