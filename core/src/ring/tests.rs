//! Every reading against what the ring really held, over random schedules of a weak machine.
//!
//! The writer runs once and every store is kept, with its ordering. A reader then runs over that
//! trace: each word it loads is any that C11 lets it see. There is one writer, so that is simple. A
//! load may give any store to its word that has been made, is not older than one that this word
//! gave before, and not older than what an acquire fence has made known: all up to the newest
//! release store among the words loaded before the fence. The writer goes on between any two words
//! of one read, at a random pace, now and then by a leap of up to two laps.
//!
//! Values and stamps tell their index, so a slot of another lap, a slot never written, a torn sum
//! or a lost observation cannot pass.
#![cfg(not(ictus_loom))]

mod recycling;

use std::{cell::RefCell, collections::HashMap, io};

use super::{
    push::Ring,
    read::{Reading, Unreadable, read},
};
use crate::{
    segment::{
        layout::{CHUNK_SLOTS, Chunk, LINE_WORDS, Lines, full_ring, table_lines},
        source::Words,
        supply::Supply,
        writer::Segment,
    },
    sum::Exact,
    sync::{
        AtomicU64, Ordering,
        traced::{Store, trace},
    },
};

/// A word of a segment, counted from its start.
type Place = usize;

/// What a writer did to a ring, and what the ring held at each head.
struct Trace {
    stores: Vec<Store>,
    /// The stores to each word, oldest first.
    of: Vec<Vec<usize>>,
    /// Stores before the lane was published.
    published: usize,
    lane_line: u64,
    window: u32,
    /// From which index on the ring holds all, at each head.
    held: Vec<u64>,
}

/// Gives chunks but for some of the claims.
struct Rationed<'a> {
    segment: &'a Segment,
    head: &'a AtomicU64,
    /// Whether memory is used up when the ring enters its n-th chunk.
    dry: fn(u64) -> bool,
}

impl Supply for Rationed<'_> {
    fn claim(&self, lines: u64) -> Option<u64> {
        let dry = (self.dry)(self.head.load(Ordering::Relaxed) / CHUNK_SLOTS);
        (!dry).then(|| self.segment.claim(lines))?
    }

    fn chunk(&self, line: u64) -> Option<&'static Chunk> {
        self.segment.mapping().lines(line)
    }

    fn words(&self, line: u64, lines: u64) -> Option<&'static [AtomicU64]> {
        self.segment.words(line, lines)
    }

    fn short(&self) {}
}

fn value(index: u64) -> f64 {
    (index + 1) as f64
}

fn stamp(index: u64) -> u64 {
    // Some are equal, and some had to be raised.
    index / 3 + 7
}

impl Trace {
    /// So many observations into a ring that gets no more chunks while memory is used up.
    fn of(window: u32, observations: u64, dry: fn(u64) -> bool) -> Trace {
        let segment = Segment::anonymous().unwrap();
        let lane = &segment.new_block().unwrap().lanes[0];
        let lane_line = segment.header.root.load(Ordering::Relaxed) + 1;
        let full = full_ring(window);
        let line = segment.claim(table_lines(full) + Chunk::LINES).unwrap();
        let table = &segment.words(line, table_lines(full)).unwrap()[..full as usize];
        let mut published = trace(|| {
            table[0].store(line + table_lines(full), Ordering::Relaxed);
            lane.table.store(line, Ordering::Relaxed);
            lane.chunks.store(1, Ordering::Relaxed);
            lane.series.store(1, Ordering::Release);
        });
        let ring = Ring::new(lane, table);
        let supply = Rationed { segment: &segment, head: &lane.head, dry };
        let pushes = trace(|| {
            for index in 0..observations {
                ring.push(value(index), stamp(index) - u64::from(index % 3 == 1), &supply);
            }
        });
        let published_at = published.len();
        published.extend(pushes);
        // What the writer keeps to itself is not the reader's.
        let start = std::ptr::from_ref(segment.header).addr();
        let inside = start..start + segment.mapping().committed();
        let stores: Vec<Store> =
            published.into_iter().filter(|store| inside.contains(&store.address)).collect();
        let place = |store: &Store| (store.address - start) / 8;
        let last = stores.iter().map(place).max().unwrap();
        let mut of = vec![Vec::new(); last + 1];
        for (at, store) in stores.iter().enumerate() {
            of[place(store)].push(at);
        }
        let head = lane_line as usize * LINE_WORDS;
        let chunks = table.iter().map(|line| line.load(Ordering::Relaxed) as usize * LINE_WORDS);
        let chunks: Vec<Place> = chunks.filter(|&place| place != 0).collect();
        let held = held(&stores, place, head, &chunks, full);
        Trace { stores, of, published: published_at, lane_line, window, held }
    }
}

/// Follows the stores: from which index on the ring holds all, at each head.
///
/// A full ring holds what was not overwritten. One that may still grow holds whole chunks: those
/// that were not entered again.
fn held(
    stores: &[Store],
    place: impl Fn(&Store) -> Place,
    head: Place,
    chunks: &[Place],
    full: u64,
) -> Vec<u64> {
    let slots = |chunk: Place| chunk + LINE_WORDS..chunk + LINE_WORDS + 2 * CHUNK_SLOTS as usize;
    let mut held = vec![0];
    let (mut by_slot, mut by_chunk, mut count) = (0, 0, 1);
    let (mut bases, mut indices) = (HashMap::new(), HashMap::new());
    for store in stores {
        let at = place(store);
        if at == head {
            held.push(if count == full { by_slot } else { by_chunk });
        } else if at == head + 3 {
            count = store.value;
        } else if chunks.contains(&at) {
            if let Some(before) = bases.insert(at, store.value) {
                by_chunk = before + CHUNK_SLOTS;
                if count < full {
                    // A reader may see this before the head moves.
                    held[store.value as usize] = by_chunk;
                }
            }
        } else if let Some(&chunk) = chunks.iter().find(|&&chunk| slots(chunk).contains(&at))
            && (at - chunk).is_multiple_of(2)
        {
            let index = bases[&chunk] + ((at - chunk - LINE_WORDS) / 2) as u64;
            if let Some(before) = indices.insert(at, index) {
                by_slot = before + 1;
            }
        }
    }
    held
}

/// Deterministic numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next() % limit }
    }

    fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }
}

/// A reader's eyes: what it has seen, and what it may see next.
struct Eyes<'a> {
    trace: &'a Trace,
    state: RefCell<State>,
}

struct State {
    random: Random,
    /// Stores made so far.
    written: usize,
    /// Stores known to the reader since its last fence.
    seen: usize,
    /// What the next fence makes known.
    pending: usize,
    /// How many of its stores each word has shown.
    given: Vec<usize>,
    pace: Pace,
}

/// How the writer goes on while the reader reads.
#[derive(Clone, Copy)]
struct Pace {
    /// One word in so many lets the writer go on.
    chance: u64,
    /// By up to so many stores.
    stores: u64,
    /// One read in so many is followed by a leap; 0 for none.
    leaps: u64,
    /// By up to so many stores.
    leap: u64,
    /// One load in so many is stale.
    stale: u64,
}

impl<'a> Eyes<'a> {
    fn new(trace: &'a Trace, mut random: Random) -> Eyes<'a> {
        let made = trace.stores.len() - trace.published;
        let written = trace.published + random.below(made as u64 + 1) as usize;
        let behind = [0, 3, 200, 5000][random.below(4) as usize];
        let seen = written.saturating_sub(random.below(behind + 1) as usize).max(trace.published);
        let pace = Pace {
            chance: [1, 2, 8, 100, 3000][random.below(5) as usize],
            stores: [1, 1, 3, 10][random.below(4) as usize],
            leaps: [0, 0, 3, 20][random.below(4) as usize],
            leap: [10, 400, 4000][random.below(3) as usize],
            stale: [2, 5, 50][random.below(3) as usize],
        };
        let given = vec![0; trace.of.len()];
        let state = State { random, written, seen, pending: seen, given, pace };
        Eyes { trace, state: RefCell::new(state) }
    }
}

impl State {
    fn go_on(&mut self, trace: &Trace, stores: u64) {
        self.written = (self.written + self.random.below(stores + 1) as usize).min(trace.stores.len());
    }

    fn load(&mut self, trace: &Trace, place: Place) -> u64 {
        let Some(stores) = trace.of.get(place) else { return 0 };
        let made = stores.partition_point(|&store| store < self.written);
        let known = stores.partition_point(|&store| store < self.seen);
        // The word shows one of its stores from the oldest to the newest; 0: what was before all.
        let oldest = known.max(self.given[place]);
        let stale = oldest < made && self.random.one_in(self.pace.stale);
        let count = if stale { oldest + self.random.below((made - oldest) as u64) as usize } else { made };
        self.given[place] = count;
        let Some(newest) = count.checked_sub(1) else { return 0 };
        let store = &trace.stores[stores[newest]];
        if store.release {
            self.pending = self.pending.max(stores[newest] + 1);
        }
        store.value
    }
}

impl Words for Eyes<'_> {
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let mut order: Vec<usize> = (0..into.len()).collect();
        match state.random.below(3) {
            0 => order.reverse(),
            1 => (1..order.len()).for_each(|at| order.swap(at, state.random.below(at as u64 + 1) as usize)),
            _ => {}
        }
        let Pace { chance, stores, leaps, leap, .. } = state.pace;
        for at in order {
            if state.random.one_in(chance) {
                state.go_on(self.trace, stores);
            }
            into[at] = state.load(self.trace, line as usize * LINE_WORDS + at);
        }
        state.seen = state.seen.max(state.pending);
        if leaps > 0 && state.random.one_in(leaps) {
            state.go_on(self.trace, leap);
        }
        Ok(())
    }

    fn lines(&self) -> io::Result<u64> {
        Ok(self.trace.of.len().div_ceil(LINE_WORDS) as u64)
    }
}

/// Whether the reading is what the ring held at the reading's head, and that head was the ring's.
fn check(trace: &Trace, reading: &Reading, healthy: bool) -> Result<(), String> {
    let head = reading.head;
    let window = u64::from(trace.window);
    if reading.sum != Exact::of((0..head).map(value)) {
        return Err(format!("the sum at {head}: {:?}", reading.sum.to_f64()));
    }
    let length = reading.newest.len() as u64;
    let first = head - length;
    for (index, &(at, seen)) in (first..).zip(&reading.newest) {
        if (at, seen) != (stamp(index), value(index)) {
            return Err(format!("{index} below {head} reads {seen} at {at}"));
        }
    }
    let held = if healthy { head.min(window) } else { (head - trace.held[head as usize]).min(window) };
    if !(held..=head.min(window)).contains(&length) {
        return Err(format!("{length} observations at {head}, but {held} were held"));
    }
    Ok(())
}

/// Runs so many readers over a trace; gives how many got a reading.
fn readers(trace: &Trace, healthy: bool, count: u64, seed: u64) -> u64 {
    let mut read_well = 0;
    for reader in 0..count {
        let eyes = Eyes::new(trace, Random(seed << 32 | reader));
        let before = eyes.state.borrow().seen;
        let result = read(&eyes, trace.lane_line, trace.window);
        let state = eyes.state.into_inner();
        match result {
            Ok(reading) => {
                read_well += 1;
                if let Err(wrong) = check(trace, &reading, healthy) {
                    panic!("window {}, reader {seed}/{reader}: {wrong}", trace.window);
                }
                let heads = &trace.of[trace.lane_line as usize * LINE_WORDS];
                let earliest = heads.partition_point(|&store| store < before) as u64;
                let latest = heads.partition_point(|&store| store < state.written) as u64;
                assert!((earliest..=latest).contains(&reading.head), "a head of another time");
            }
            Err(Unreadable::Overrun) => {}
            Err(wrong) => panic!("window {}, reader {seed}/{reader}: {wrong:?}", trace.window),
        }
    }
    read_well
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
        let trace = Trace::of(window, observations, |_| false);
        let read_well = readers(&trace, true, count, seed as u64);
        assert!(read_well > count / 2, "window {window}: only {read_well} of {count} readers read");
    }
}

#[test]
fn a_ring_short_of_memory_reads_what_it_holds() {
    // When it enters its n-th chunk, there is none: at first, once, now and then, from then on.
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
            let trace = Trace::of(window, 3800, dry);
            let read_well = readers(&trace, false, 100, (100 + 10 * seed + shortage) as u64);
            assert!(read_well > 90, "window {window}, shortage {shortage}: {read_well} of 100 read");
        }
    }
}
