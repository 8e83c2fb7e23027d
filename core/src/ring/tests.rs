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

use std::{cell::RefCell, collections::HashMap, io, sync::Arc};

use super::{
    push::Ring,
    read::{Reading, Unreadable, read},
};
use crate::{
    buckets::{self, Bounds, Buckets, Distribution},
    segment::{
        layout::{CHUNK_SLOTS, Chunk, LINE_WORDS, Lane, Lines, full_ring, table_lines},
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
    /// The line of the buckets.
    buckets: u64,
    window: u32,
    /// From which index on the ring holds all, at each head.
    held: Vec<u64>,
}

/// Upper bounds of classic buckets.
const BOUNDS: [f64; 3] = [10.0, 100.0, 1000.0];

/// A lane as a thread has it, with chunks but for some of the claims.
struct Rationed<'a> {
    segment: &'a Segment,
    head: &'a AtomicU64,
    buckets: Buckets,
    /// Whether memory is used up when the ring enters its n-th chunk.
    dry: fn(u64) -> bool,
}

impl Supply for Rationed<'_> {
    fn claim(&self, lines: u64) -> Option<u64> {
        let dry = (self.dry)(self.head.load(Ordering::Relaxed) / CHUNK_SLOTS);
        (!dry).then(|| self.segment.claim(lines))?
    }

    fn lines<T: Lines>(&self, line: u64) -> Option<&'static T> {
        self.segment.mapping().lines(line)
    }

    fn short(&self) {}

    fn left(&self, values: &[f64; CHUNK_SLOTS as usize]) {
        self.buckets.add(values, self);
    }
}

/// The table, buckets and first chunk of a lane, as `observe` lays them out, not yet linked to it.
fn new_lane<'a>(
    segment: &'a Segment,
    lane: &'static Lane,
    window: u32,
    dry: fn(u64) -> bool,
) -> (Ring, Rationed<'a>, impl FnOnce()) {
    let full = full_ring(window);
    let bucket_lines = buckets::lines(BOUNDS.len());
    let line = segment.claim(table_lines(full) + bucket_lines + Chunk::LINES).unwrap();
    let table = &segment.words(line, table_lines(full)).unwrap()[..full as usize];
    let words = segment.words(line + table_lines(full), bucket_lines).unwrap();
    let first = line + table_lines(full) + bucket_lines;
    let ring = Ring::new(lane, table, segment.mapping().lines(first).unwrap());
    let buckets = Buckets::new(Arc::new(Bounds::new(&BOUNDS)), words);
    let link = move || {
        table[0].store(first, Ordering::Relaxed);
        lane.table.store(line, Ordering::Relaxed);
        lane.chunks.store(1, Ordering::Relaxed);
    };
    (ring, Rationed { segment, head: &lane.head, buckets, dry }, link)
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
        let (ring, supply, link) = new_lane(&segment, lane, window, dry);
        let mut published = trace(|| {
            link();
            lane.series.store(1, Ordering::Release);
        });
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
        let table = segment.words(lane.table.load(Ordering::Relaxed), table_lines(full)).unwrap();
        let chunks = table.iter().map(|line| line.load(Ordering::Relaxed) as usize * LINE_WORDS);
        let chunks: Vec<Place> = chunks.filter(|&place| place != 0).collect();
        let held = held(&stores, place, head, &chunks);
        let buckets = lane.table.load(Ordering::Relaxed) + table_lines(full);
        Trace { stores, of, published: published_at, lane_line, buckets, window, held }
    }
}

/// Follows the stores: from which index on the ring holds all, at each head.
fn held(stores: &[Store], place: impl Fn(&Store) -> Place, head: Place, chunks: &[Place]) -> Vec<u64> {
    let slots = |chunk: Place| chunk + LINE_WORDS..chunk + LINE_WORDS + 2 * CHUNK_SLOTS as usize;
    let (mut held, mut oldest, mut next) = (vec![0], 0, 0);
    let mut indices = HashMap::new();
    for store in stores {
        let at = place(store);
        if at == head {
            next = store.value;
            // A reader takes the slot that comes next for one that is being written.
            held.push(oldest);
        } else if chunks.iter().any(|&chunk| slots(chunk).contains(&at) && (at - chunk).is_multiple_of(2))
            && let Some(before) = indices.insert(at, next)
        {
            oldest = before + 1;
            held[next as usize] = oldest;
        }
    }
    // As if there were a next one.
    if let Some(last) = held.last_mut() {
        *last += 1;
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

/// Whether the reading is what the ring held at the reading's head: all of the window, or all since
/// what had been read before.
fn check(trace: &Trace, reading: &Reading, since: u64, healthy: bool) -> Result<(), String> {
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
    let held = if healthy { head } else { head - trace.held[head as usize] };
    let least = held.min(window).min(head - since);
    if length < least {
        return Err(format!("{length} observations at {head} since {since}, but {held} were held"));
    }
    Ok(())
}

/// Whether the distribution is that of all observations below the head.
fn check_distribution(seen: &Distribution, head: u64) -> Result<(), String> {
    let mut classic = vec![0; BOUNDS.len() + 1];
    let mut exponential = std::collections::BTreeMap::new();
    for value in (0..head).map(value) {
        classic[BOUNDS.partition_point(|&bound| bound < value)] += 1;
        // The definition: in (2^((i-1)/8), 2^(i/8)].
        *exponential.entry((value.log2() * 8.0 - 1e-9).ceil() as i32).or_insert(0) += 1;
    }
    let placed: u64 = seen.exponential.values().sum();
    // Without memory for a page, an observation is counted as such.
    let same = seen.exponential.iter().eq(exponential) || seen.unplaced > 0;
    if same && seen.classic == classic && placed + seen.unplaced == head {
        Ok(())
    } else {
        Err(format!("the distribution at {head}: {seen:?}"))
    }
}

/// Runs so many readers over a trace; gives how many got a reading, and how many a distribution.
fn readers(trace: &Trace, healthy: bool, count: u64, seed: u64) -> (u64, u64) {
    let (mut read_well, mut counted) = (0, 0);
    for reader in 0..count {
        let eyes = Eyes::new(trace, Random(seed << 32 | reader));
        let mut since = 0;
        // Read whole, then what came since.
        for time in 0..3 {
            let before = eyes.state.borrow().seen;
            let folded = buckets::read(&eyes, trace.buckets, &BOUNDS).unwrap();
            let result = read(&eyes, trace.lane_line, trace.window, since);
            let state = eyes.state.borrow();
            let fail = |wrong| panic!("window {}, reader {seed}/{reader}/{time}: {wrong}", trace.window);
            match result {
                Ok(reading) => {
                    read_well += u64::from(time == 0);
                    check(trace, &reading, since, healthy).unwrap_or_else(fail);
                    let heads = &trace.of[trace.lane_line as usize * LINE_WORDS];
                    let earliest = heads.partition_point(|&store| store < before) as u64;
                    let latest = heads.partition_point(|&store| store < state.written) as u64;
                    assert!((earliest..=latest).contains(&reading.head), "a head of another time");
                    let upto = folded.upto();
                    let distribution = folded.with_rest(&reading).unwrap();
                    let rest =
                        upto.is_some_and(|upto| upto.into_iter().all(|upto| reading.since(upto).is_some()));
                    if rest {
                        counted += u64::from(time == 0);
                        check_distribution(&distribution, reading.head).unwrap_or_else(fail);
                    }
                    since = reading.head;
                }
                Err(Unreadable::Overrun) => {}
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
        let trace = Trace::of(window, observations, |_| false);
        let (read_well, counted) = readers(&trace, true, count, seed as u64);
        assert!(read_well > count / 2, "window {window}: only {read_well} of {count} readers read");
        assert!(counted > count / 3, "window {window}: only {counted} of {count} readers counted");
    }
}

/// A writer killed between any two of its stores leaves all that it had published.
#[test]
fn whatever_a_killed_writer_left_is_read() {
    let shortages: [fn(u64) -> bool; 4] = [|_| false, |n| n >= 1, |n| n % 3 != 0, |_| false];
    for ((window, observations), dry) in
        [(1, 400), (40, 400), (300, 700), (1000, 1500)].into_iter().zip(shortages)
    {
        let trace = Trace::of(window, observations, dry);
        let heads = &trace.of[trace.lane_line as usize * LINE_WORDS];
        for at in trace.published..=trace.stores.len() {
            let eyes = Eyes::new(&trace, Random(at as u64));
            let never = Pace { chance: u64::MAX, stores: 0, leaps: 0, leap: 0, stale: 1 };
            eyes.state.replace_with(|state| State {
                random: Random(at as u64),
                written: at,
                seen: at,
                pending: at,
                given: std::mem::take(&mut state.given),
                pace: never,
            });
            let folded = buckets::read(&eyes, trace.buckets, &BOUNDS).unwrap();
            let reading = read(&eyes, trace.lane_line, window, 0)
                .unwrap_or_else(|error| panic!("window {window}, killed at {at}: {error:?}"));
            let head = heads.partition_point(|&store| store < at) as u64;
            assert_eq!(reading.head, head, "window {window}, killed at {at}");
            let fail = |wrong| panic!("window {window}, killed at {at}: {wrong}");
            check(&trace, &reading, 0, false).unwrap_or_else(fail);
            check_distribution(&folded.with_rest(&reading).unwrap(), head).unwrap_or_else(fail);
        }
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
            let (read_well, _) = readers(&trace, false, 100, (100 + 10 * seed + shortage) as u64);
            assert!(read_well > 90, "window {window}, shortage {shortage}: {read_well} of 100 read");
        }
    }
}
