//! Readings beside a writer that is told when to write: between which of the reader's looks, and how much.

use std::{cell::Cell, io};

use super::{
    super::read::{Reading, Unreadable, read},
    Arc, CHUNK_SLOTS, Exact, LINE_WORDS, Ordering, Rationed, Ring, Segment, full_ring, new_lane, stamp,
    value,
};
use crate::segment::source::Words;

/// A ring that is written while it is read.
struct Beside<'a> {
    segment: &'a Arc<Segment>,
    line: u64,
    window: u32,
    ring: Ring,
    supply: Rationed<'a>,
    pushed: Cell<u64>,
    /// How often was read, and how many words.
    looks: Cell<usize>,
    words: Cell<usize>,
    /// Observations that are made before the n-th look.
    arrive: &'a dyn Fn(usize) -> u64,
}

impl Words for Beside<'_> {
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        self.push((self.arrive)(self.looks.get()));
        self.looks.set(self.looks.get() + 1);
        self.words.set(self.words.get() + into.len());
        self.segment.read(line, into)
    }

    fn lines(&self) -> io::Result<u64> {
        self.segment.lines()
    }
}

impl<'a> Beside<'a> {
    fn new(segment: &'a Arc<Segment>, window: u32, arrive: &'a dyn Fn(usize) -> u64) -> Beside<'a> {
        let lane = &segment.new_block().unwrap().lanes[0];
        let line = segment.header.root.load(Ordering::Relaxed) + 1;
        let (ring, supply, link) = new_lane(segment, lane, window, |_| false);
        link();
        let zero = || Cell::new(0);
        let (looks, words) = (zero(), zero());
        Beside { segment, line, window, ring, supply, pushed: Cell::new(0), looks, words, arrive }
    }

    fn push(&self, observations: u64) {
        for index in self.pushed.get()..self.pushed.get() + observations {
            assert!(self.ring.push(value(index), stamp(index), &self.supply));
            self.pushed.set(index + 1);
        }
    }

    /// A reading, and how many words it took.
    fn read(&self, since: u64) -> Result<(Reading, usize), Unreadable> {
        self.looks.set(0);
        self.words.set(0);
        let reading = read(self, self.line, self.window, since)?;
        Ok((reading, self.words.get()))
    }

    /// It is what the ring held at one time of the call.
    fn check(&self, reading: &Reading, before: u64, since: u64) {
        assert!((before..=self.pushed.get()).contains(&reading.head), "a head of another time");
        assert_eq!(reading.sum, Exact::of((0..reading.head).map(value)));
        let first = reading.head - reading.newest.len() as u64;
        let all = (first..reading.head).map(|index| (stamp(index), value(index)));
        assert!(reading.newest.iter().copied().eq(all));
        let least = (reading.head - since).min(u64::from(self.window));
        assert!(reading.newest.len() as u64 >= least, "{} of {least}", reading.newest.len());
    }
}

#[test]
fn what_is_known_is_not_copied_again() {
    let segment = Arc::new(Segment::anonymous().unwrap());
    let quiet = |_| 0;
    let beside = Beside::new(&segment, 1000, &quiet);
    let full = full_ring(1000);
    // A look at the head before and after, and the table.
    let looks = 2 * LINE_WORDS + (full as usize).next_multiple_of(LINE_WORDS);
    let ring = full * CHUNK_SLOTS;
    for head in [1, 64, 65, 500, ring - 1, ring, ring + 1, 5000, 50_000, 50_010] {
        beside.push(head - beside.pushed.get());
        let (_, whole) = beside.read(0).unwrap();
        // The records are looked at again as long as the ring grows.
        let records = if head.div_ceil(CHUNK_SLOTS) < full { 2 } else { 1 };
        let chunk = records * LINE_WORDS + 2 * CHUNK_SLOTS as usize;
        assert_eq!(whole, looks + chunk * full.min(head.div_ceil(CHUNK_SLOTS)) as usize, "{head}");
        for behind in [0, 1, 63, 64, 300, 900, ring - CHUNK_SLOTS - 1, ring - CHUNK_SLOTS, ring, 2 * ring] {
            let Some(since) = head.checked_sub(behind).filter(|&since| since > 0) else { continue };
            let (reading, words) = beside.read(since).unwrap();
            beside.check(&reading, head, since);
            // The chunks from the last that is known on.
            let new = ((head - 1) / CHUNK_SLOTS - (since - 1) / CHUNK_SLOTS + 1) as usize;
            let least = if behind < ring - CHUNK_SLOTS { looks + chunk * new } else { whole };
            assert_eq!(words, least, "{head}, {behind} behind");
        }
    }
}

/// Whatever arrives at whichever of a reader's looks: it reads what was there at one time, and at once
/// where what arrived has its place beside the window.
#[test]
fn a_reading_is_of_one_time_whatever_arrives_meanwhile() {
    for window in [40, 300] {
        let ring = full_ring(window) * CHUNK_SLOTS;
        for before in [0, 30, 64, u64::from(window), ring - 1, ring + 40, 5 * ring + 64] {
            for (when, burst) in
                (0..9).flat_map(|when| [1, 34, 64, 100, ring, ring + 70].map(|burst| (when, burst)))
            {
                let segment = Arc::new(Segment::anonymous().unwrap());
                let waiting = Cell::new(true);
                let arrive = |look| if look == when && waiting.replace(false) { burst } else { 0 };
                let beside = Beside::new(&segment, window, &arrive);
                beside.push(before);
                for since in [0, before / 2, before] {
                    waiting.set(true);
                    let start = beside.pushed.get();
                    let (reading, _) = beside.read(since).unwrap();
                    beside.check(&reading, start, since);
                }
            }
        }
    }
}

/// A writer that never rests is read at the first attempt as long as it leaves a reader time for the ring,
/// in a ring that grows and in a full one.
#[test]
fn a_writer_that_never_rests_is_read_at_once() {
    let segment = Arc::new(Segment::anonymous().unwrap());
    let restless = |_| 1;
    let beside = Beside::new(&segment, 1000, &restless);
    beside.push(1);
    while beside.pushed.get() < 5000 {
        let before = beside.pushed.get();
        let (reading, _) = beside.read(0).unwrap();
        beside.check(&reading, before, 0);
        // Heads and tables, before and for what arrived meanwhile; chunks, twice as long as the ring grows.
        let chunks = reading.head.div_ceil(CHUNK_SLOTS).min(full_ring(1000)) as usize;
        assert!(
            beside.looks.get() <= 2 * (chunks + 3) + 5,
            "{} looks at {}",
            beside.looks.get(),
            reading.head
        );
    }
}
