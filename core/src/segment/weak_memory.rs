//! A model of weak memory for tests: the values that a reader may see in a segment.
//!
//! The writer runs once, on one thread, and every store is kept, with its ordering. A reader then
//! runs over that trace: each word that it loads has any value that C11 allows. With one writer,
//! the rule is simple. A load may return any store to its word that has been made, with two limits.
//! The store is not older than the one that this word returned before. It is not older than the
//! stores that an acquire fence has made visible: all up to the newest store that was released by a
//! store among the words loaded before the fence.
//!
//! Half of the readers [wander](Schedule::Wanders): the writer continues between any two words of
//! one read, at a random pace and sometimes by a leap, and any load may be stale. The other half
//! [glimpse](Schedule::Glimpses) one store before all stores that were made ahead of it. This finds
//! a missing ordering where only the ordering of that store keeps a reading correct. The store is
//! drawn by the line of code that makes it, so that rare stores are seen as often as others.
#![cfg(not(ictus_loom))]

use std::{cell::RefCell, collections::BTreeMap, io, sync::Arc};

use super::writer::Segment;
use crate::{
    format::{layout::LINE_WORDS, source::SegmentSource},
    sync::{
        Ordering,
        store_trace::{CallSite, Store, trace},
    },
};

/// Index of a word of a segment, counted from its start.
pub(crate) type Location = usize;

/// Every store that a writer made to a segment, in the order in which it made them.
pub(crate) struct Trace {
    pub(crate) stores: Vec<Store>,
    /// The stores to each word, oldest first.
    of: Vec<Vec<usize>>,
    /// The stores that each line of code made.
    by: Vec<Vec<usize>>,
    /// Number of stores that every reader sees.
    pub(crate) published: usize,
    /// How many stores were made at each of the moments that the writer marked.
    pub(crate) checkpoints: Vec<usize>,
    start: usize,
}

impl Trace {
    /// Traces the stores of `run` to the segment that it returns. `run` also returns moments, as
    /// counts from [`count`](crate::sync::store_trace::count). Readers start at the first moment.
    pub(crate) fn of(run: impl FnOnce() -> (Arc<Segment>, Vec<usize>)) -> Trace {
        let mut result = None;
        let all = trace(|| result = Some(run()));
        let (segment, mut moments) = result.unwrap();
        let start = std::ptr::from_ref(segment.header).addr();
        let words = segment.header.cursor.load(Ordering::Relaxed) as usize * LINE_WORDS;
        let inside = start..start + words * size_of::<u64>();
        // Exclude the writer's private memory: a reader sees only the segment.
        let kept_before: Vec<usize> = all
            .iter()
            .map(|store| usize::from(inside.contains(&store.address)))
            .scan(0, |kept, one| Some(std::mem::replace(kept, *kept + one)))
            .chain([all.iter().filter(|store| inside.contains(&store.address)).count()])
            .collect();
        let stores: Vec<Store> = all
            .iter()
            .filter(|store| inside.contains(&store.address))
            .map(|store| Store { releases: kept_before[store.releases], ..*store })
            .collect();
        moments.iter_mut().for_each(|moment| *moment = kept_before[*moment]);
        let published = moments[0];
        let (mut of, mut by) = (vec![Vec::new(); words], BTreeMap::<_, Vec<usize>>::new());
        for (at, store) in stores.iter().enumerate() {
            of[(store.address - start) / 8].push(at);
            if at >= published {
                by.entry(store.site).or_default().push(at);
            }
        }
        Trace { stores, of, by: by.into_values().collect(), published, checkpoints: moments, start }
    }

    pub(crate) fn place(&self, store: &Store) -> Location {
        (store.address - self.start) / 8
    }

    /// Returns the stores to a word, as indices in [`stores`](Trace::stores).
    pub(crate) fn to(&self, location: Location) -> &[usize] {
        self.of.get(location).map_or(&[], Vec::as_slice)
    }

    /// Returns how many of the stores to a word are among the first `written` stores.
    pub(crate) fn recorded_at(&self, location: Location, written: usize) -> u64 {
        self.to(location).partition_point(|&store| store < written) as u64
    }
}

/// Deterministic random numbers (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next() % limit }
    }

    pub(crate) fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }

    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// The view of one reader: the stores that it has seen, and the stores that it may see next.
pub(crate) struct WeakMemoryView<'a> {
    trace: &'a Trace,
    pub(crate) state: RefCell<State>,
}

pub(crate) struct State {
    pub(crate) random: Random,
    /// Stores made so far.
    pub(crate) written: usize,
    /// Stores visible to the reader since its last fence.
    pub(crate) seen: usize,
    /// Stores that the next fence makes visible.
    pub(crate) pending: usize,
    /// How many of its stores each word has shown.
    given: Vec<usize>,
    pub(crate) gaze: Schedule,
}

/// The schedule of a reader.
#[derive(Clone, Copy)]
pub(crate) enum Schedule {
    /// Reads at random moments while the writer continues.
    RandomWalk(Step),
    Targeted(TargetStore),
}

/// The progress of the writer while the reader reads.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// The writer continues at one word in `chance`.
    pub(crate) chance: u64,
    /// By at most this many stores.
    pub(crate) stores: u64,
    /// One read in `leaps` is followed by a leap; 0 for none.
    pub(crate) leaps: u64,
    /// By at most this many stores.
    pub(crate) leap: u64,
    /// One load in `stale` is stale.
    pub(crate) stale: u64,
}

/// A word, or all stores of one line of code, that shows its newest store from some read on. Other
/// words show the oldest store that they may.
#[derive(Clone, Copy)]
pub(crate) struct TargetStore {
    location: Location,
    site: Option<CallSite>,
    /// Number of reads until then.
    until: u64,
    /// One other word in `others` shows its newest store, too.
    others: u64,
    /// Whether all words show their newest store from the next read on.
    opens: bool,
}

impl<'a> WeakMemoryView<'a> {
    /// Creates the view of a reader that sees the first `written` stores and no other: the writer
    /// is dead.
    pub(crate) fn after_read(trace: &'a Trace, written: usize) -> WeakMemoryView<'a> {
        let never = Step { chance: u64::MAX, stores: 0, leaps: 0, leap: 0, stale: 1 };
        let state = State {
            random: Random(written as u64),
            written,
            seen: written,
            pending: written,
            given: vec![0; trace.of.len()],
            gaze: Schedule::RandomWalk(never),
        };
        WeakMemoryView { trace, state: RefCell::new(state) }
    }

    /// Creates the view of a random reader.
    pub(crate) fn new(trace: &'a Trace, mut random: Random) -> WeakMemoryView<'a> {
        let glimpses = random.one_in(2);
        let mut state = State {
            written: trace.published,
            seen: 0,
            pending: 0,
            given: vec![0; trace.of.len()],
            gaze: Schedule::RandomWalk(Step {
                chance: random.of(&[1, 2, 8, 100, 3000]),
                stores: random.of(&[1, 1, 3, 10]),
                leaps: random.of(&[0, 0, 3, 20]),
                leap: random.of(&[10, 400, 4000]),
                stale: random.of(&[2, 5, 50]),
            }),
            random,
        };
        if glimpses {
            state.glimpse(trace);
        } else {
            state.written += state.random.below((trace.stores.len() - trace.published) as u64 + 1) as usize;
            state.limit_visibility(trace, &[0, 3, 200, 5000]);
        }
        WeakMemoryView { trace, state: RefCell::new(state) }
    }
}

impl State {
    fn glimpse(&mut self, trace: &Trace) {
        let of_site = &trace.by[self.random.below(trace.by.len() as u64) as usize];
        let store = self.random.of(of_site);
        self.written = store + 1;
        let location = trace.place(&trace.stores[store]);
        self.gaze = Schedule::Targeted(TargetStore {
            location,
            site: self.random.one_in(2).then_some(trace.stores[store].site),
            until: self.random.of(&[0, 0, 0, 1, 2, 3, 5, 9]),
            others: self.random.of(&[2, 20, 1 << 40]),
            opens: self.random.one_in(2),
        });
        let previous = trace.to(location).partition_point(|&other| other < store);
        if previous > 0 && self.random.one_in(2) {
            // Shortly after the word had one of its last values.
            let previous =
                trace.to(location)[previous - 1 - self.random.below(previous.min(4) as u64) as usize];
            let since = self.random.of(&[10, 100, 500]);
            self.seen = (previous + 1 + self.random.below(since) as usize).clamp(trace.published, store);
            self.pending = self.seen;
        } else {
            // Equally likely by one store and by thousands.
            let max_lag = 1 << self.random.below(u64::from((store - trace.published + 1).ilog2()) + 2);
            self.limit_visibility(trace, &[max_lag]);
        }
    }

    /// Makes the reader's view lag by a random number of stores, up to one of the limits in `most`.
    fn limit_visibility(&mut self, trace: &Trace, max_lag: &[u64]) {
        let max_lag = self.random.of(max_lag);
        let behind = self.random.below(max_lag + 1) as usize;
        self.seen = self.written.saturating_sub(behind).max(trace.published);
        self.pending = self.seen;
    }

    fn advance_writer(&mut self, trace: &Trace, stores: u64) {
        self.written = (self.written + self.random.below(stores + 1) as usize).min(trace.stores.len());
    }

    fn load(&mut self, trace: &Trace, location: Location) -> u64 {
        let Some(stores) = trace.of.get(location) else { return 0 };
        let written = stores.partition_point(|&store| store < self.written);
        let seen = stores.partition_point(|&store| store < self.seen);
        // The word shows one of its stores, from the oldest to the newest; 0 is the state before
        // all stores.
        let oldest = seen.max(self.given[location]);
        let count = match self.gaze {
            _ if oldest == written => written,
            Schedule::RandomWalk(Step { stale, .. }) if self.random.one_in(stale) => {
                oldest + self.random.below((written - oldest) as u64) as usize
            }
            Schedule::RandomWalk(_) => written,
            Schedule::Targeted(TargetStore { location: fresh, site, until: 0, others, .. })
                if fresh == location
                    || site == Some(trace.stores[stores[written - 1]].site)
                    || self.random.one_in(others) =>
            {
                written
            }
            Schedule::Targeted(_) => oldest,
        };
        self.given[location] = count;
        let Some(newest) = count.checked_sub(1) else { return 0 };
        let store = &trace.stores[stores[newest]];
        self.pending = self.pending.max(store.releases);
        store.value
    }

    /// Advances the state after a read.
    fn after_read(&mut self, trace: &Trace) {
        self.seen = self.seen.max(self.pending);
        match &mut self.gaze {
            &mut Schedule::RandomWalk(Step { leaps, leap, .. }) if leaps > 0 && self.random.one_in(leaps) => {
                self.advance_writer(trace, leap);
            }
            Schedule::RandomWalk(_) => {}
            Schedule::Targeted(TargetStore { until: 0, opens, others, .. }) if *opens => *others = 1,
            Schedule::Targeted(TargetStore { until, .. }) => *until = until.saturating_sub(1),
        }
    }
}

impl SegmentSource for WeakMemoryView<'_> {
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let mut order: Vec<usize> = (0..into.len()).collect();
        match state.random.below(3) {
            0 => order.reverse(),
            1 => (1..order.len()).for_each(|at| order.swap(at, state.random.below(at as u64 + 1) as usize)),
            _ => {}
        }
        for at in order {
            if let Schedule::RandomWalk(Step { chance, stores, .. }) = state.gaze
                && state.random.one_in(chance)
            {
                state.advance_writer(self.trace, stores);
            }
            into[at] = state.load(self.trace, line as usize * LINE_WORDS + at);
        }
        state.after_read(self.trace);
        Ok(())
    }

    fn lines(&self) -> io::Result<u64> {
        Ok(self.trace.of.len().div_ceil(LINE_WORDS) as u64)
    }
}
