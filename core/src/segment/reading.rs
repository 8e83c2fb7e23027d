//! What one segment says, and what it says otherwise than at the last look.
//!
//! A reader keeps the words of every block as it saw them. Words that are the same say the same:
//! a series word stands for one life of a lane, so its head is the same head. Where words differ,
//! the block is looked at twice more, and the lanes that differ are read.

use std::{
    collections::{BTreeSet, HashMap},
    mem::offset_of,
    sync::Arc,
};

use super::{
    descriptor::FamilyRecord,
    layout::{self, BLOCK_LANES, Block, Chunk, HIDDEN, LINE_WORDS, LOSSES, Lines},
    reader::{Bad, Described, SegmentReader},
    source::Words,
    totals::{Observation, SeriesTotal, Totals},
};
use crate::{
    buckets::{self, Distribution},
    catalog::Kind,
    ring::{self, LaneHead, Reading},
    sum::{Exact, LIMIT},
};

const BLOCK_WORDS: usize = Block::LINES as usize * LINE_WORDS;
/// More new observations than this are not counted one by one.
const FEW: u64 = 64;
/// Words of a lane.
const HEAD: usize = offset_of!(layout::Lane, head) / 8;
const SERIES: usize = offset_of!(layout::Lane, series) / 8;
const CHUNKS: usize = offset_of!(layout::Lane, chunks) / 8;

/// The lanes of a segment, as they last were.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// By line.
    blocks: HashMap<u64, Seen>,
    /// Whether the owner lived.
    lived: bool,
    /// Whether there was a look that held.
    looked: bool,
}

/// A block.
#[derive(Clone, Debug)]
struct Seen {
    /// Its words; zeros for a lane that has to be read again.
    words: Box<[u64; BLOCK_WORDS]>,
    /// Which of its lanes are shown, as bits.
    shown: u64,
    /// Of which of them the buckets that were read last hold every observation, as bits.
    complete: u64,
    /// Lines of it and of the chunks of its lanes.
    claimed: u64,
}

/// What a segment says since the last look.
#[derive(Debug)]
pub(crate) struct News {
    /// Nothing was known of it before.
    pub(crate) first: bool,
    pub(crate) losses: [u64; LOSSES],
    /// Lanes whose writers were faster than every attempt, and that were never read.
    pub(crate) unread: u64,
    /// Lanes that say something else, in no order.
    pub(crate) lanes: Vec<(u64, Option<Lane>)>,
}

/// A lane that is shown.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Stands for this life of the lane.
    pub(crate) word: u64,
    pub(crate) series: Arc<Described>,
    pub(crate) holds: Holds,
}

#[derive(Debug)]
pub(crate) enum Holds {
    Counter(f64),
    Gauge(f64),
    /// Without a distribution where that is what it was, with the new observations in it.
    Timer(Reading, Option<Distribution>),
}

/// What is known of a timer's lane.
#[derive(Clone, Copy)]
struct Known {
    head: u64,
    /// Whether the buckets that were read with that head hold every observation.
    is_complete: bool,
}

/// What came of reading a lane.
enum Outcome {
    Read(Lane),
    /// There is no series, or it is a dead process's state.
    Nobodys,
    /// Its series was removed meanwhile.
    Ended,
    /// Its writer was too fast.
    Unread,
}

impl Lanes {
    /// What a segment says that it did not at the last look. All or nothing: of a segment found bad
    /// midway there are no news, and the next look is as if this one had not been. Only a lane whose
    /// writer was faster than every attempt stays as it last was.
    pub(crate) fn look<W: Words>(&mut self, reader: &mut SegmentReader<W>, lives: bool) -> Result<News, Bad> {
        let (root, losses) = reader.root()?;
        let mut news = News { first: !self.looked, losses, unread: 0, lanes: Vec::new() };
        let (mut line, mut claimed, mut room) = (root, 0_u64, reader.room()?);
        let (mut chain, mut changed) = (BTreeSet::new(), Vec::new());
        while line != 0 {
            let near = line.saturating_sub(Block::LINES - 1)..line.saturating_add(Block::LINES);
            if chain.range(near).next().is_some() {
                return Err(Bad::Body("its blocks are linked in a ring, or share memory"));
            }
            chain.insert(line);
            let mut words = [0; BLOCK_WORDS];
            reader.source().read(line, &mut words)?;
            let known = self.blocks.get(&line);
            let lines = match known {
                Some(known) if *known.words == words && lives == self.lived => known.claimed,
                _ => {
                    let mut seen = known.cloned().unwrap_or_default();
                    seen.look_closer(reader, line, &words, [self.lived, lives], &mut news)?;
                    let lines = seen.claimed;
                    changed.push((line, seen));
                    lines
                }
            };
            claimed = claimed.saturating_add(lines);
            if claimed > room {
                room = reader.room()?;
            }
            if claimed > room {
                return Err(Bad::Body("its lanes share memory"));
            }
            line = words[0];
        }
        for (line, seen) in &self.blocks {
            if !chain.contains(line) {
                news.lanes.extend(seen.shown().map(|place| (line + place as u64, None)));
            }
        }
        self.blocks.retain(|line, _| chain.contains(line));
        self.blocks.extend(changed);
        (self.lived, self.looked) = (lives, true);
        if news.lanes.iter().any(|(_, lane)| lane.is_none()) {
            reader.keep_series(&self.blocks.values().flat_map(Seen::series).collect());
        }
        Ok(news)
    }

    /// Has a lane read again at the next look.
    pub(crate) fn forget(&mut self, lane: u64) {
        for (line, seen) in &mut self.blocks {
            if (1..=BLOCK_LANES as u64).contains(&lane.wrapping_sub(*line)) {
                // A lane that is shown has chunks.
                seen.lane((lane - line) as usize)[CHUNKS] = 0;
            }
        }
    }

    /// All that a segment says, as totals.
    pub(crate) fn read<W: Words>(
        mut self,
        reader: &mut SegmentReader<W>,
        lives: bool,
    ) -> Result<Totals, Bad> {
        let mut news = self.look(reader, lives)?;
        news.lanes.sort_unstable_by_key(|&(line, _)| line);
        let mut totals = Totals::of_losses(news.losses);
        totals.unread_lanes = news.unread;
        for mut lane in news.lanes.into_iter().filter_map(|(_, lane)| lane) {
            let (epoch, origin) = (reader.epoch, totals.next_lane());
            let observation = |&(stamp, value): &(u64, f64)| Observation { epoch, origin, stamp, value };
            let newest = lane.newest().iter().map(observation).collect();
            let total = SeriesTotal { newest, ..lane.take_total() };
            totals.add_series(&lane.series.family, reader.created, &lane.series.values, total);
        }
        Ok(totals)
    }
}

impl Default for Seen {
    fn default() -> Seen {
        Seen { words: Box::new([0; BLOCK_WORDS]), shown: 0, complete: 0, claimed: 0 }
    }
}

impl Seen {
    fn lane(&mut self, place: usize) -> &mut [u64] {
        &mut self.words[place * LINE_WORDS..][..LINE_WORDS]
    }

    /// The places of the lanes that are shown.
    fn shown(&self) -> impl Iterator<Item = usize> {
        (1..=BLOCK_LANES).filter(|place| self.shown >> place & 1 == 1)
    }

    /// The series words of the lanes that are shown.
    fn series(&self) -> impl Iterator<Item = u64> {
        self.shown().map(|place| LaneHead::of(&self.words[place * LINE_WORDS..]).series)
    }

    /// What is known of a lane in that life; none where all of it is to be read.
    fn known(&self, place: usize, word: u64) -> Option<Known> {
        let known = LaneHead::of(&self.words[place * LINE_WORDS..]);
        let is_known = self.shown >> place & 1 == 1 && known.series == word && known.chunks != 0;
        let is_complete = self.complete >> place & 1 == 1;
        is_known.then_some(Known { head: known.head, is_complete })
    }

    /// Reads the lanes of a block whose words are not those of the look before; gauges, too, where the
    /// owner's life has ended. `first` is a look at the block.
    fn look_closer<W: Words>(
        &mut self,
        reader: &mut SegmentReader<W>,
        line: u64,
        first: &[u64; BLOCK_WORDS],
        lives: [bool; 2],
        news: &mut News,
    ) -> Result<(), Bad> {
        // Three looks. A lane that has the same series at the first and the last had it all along,
        // so what the second shows is of that series: "hide" and "recycle".
        let mut looks = [[0; BLOCK_WORDS]; 2];
        for words in &mut looks {
            reader.source().read(line, words)?;
        }
        let [second, last] = &looks;
        self.claimed = Block::LINES;
        self.words[..LINE_WORDS].copy_from_slice(&first[..LINE_WORDS]);
        for place in 1..=BLOCK_LANES {
            let of = |look: &[u64; BLOCK_WORDS]| LaneHead::of(&look[place * LINE_WORDS..]);
            let (word, head) = (of(first).series, LaneHead { series: of(first).series, ..of(second) });
            let is_shown = word != 0 && word & HIDDEN == 0;
            if is_shown {
                self.claimed = self.claimed.saturating_add(head.chunks.saturating_mul(Chunk::LINES));
            }
            let at = place * LINE_WORDS..(place + 1) * LINE_WORDS;
            let is_known = self.words[at.clone()] == first[at.clone()];
            if is_known && (lives[0] == lives[1] || reader.is_no_gauge(word)) {
                continue;
            }
            let before = self.known(place, word);
            let outcome = match is_shown {
                false => Outcome::Nobodys,
                true if of(last).series != word => Outcome::Ended,
                true => read(reader, line + place as u64, head, before, lives[1])?,
            };
            let (bit, lane) = (1 << place, line + place as u64);
            let was_shown = self.shown & bit != 0;
            let was = self.lane(place);
            match outcome {
                Outcome::Unread if was_shown && was[SERIES] == word => continue,
                Outcome::Read(read) => {
                    was.copy_from_slice(&second[at]);
                    (was[SERIES], was[HEAD]) = (word, read.head(head.head));
                    self.shown |= bit;
                    self.complete =
                        if read.is_complete() { self.complete | bit } else { self.complete & !bit };
                    news.lanes.push((lane, Some(read)));
                    continue;
                }
                Outcome::Nobodys => was.copy_from_slice(&first[at]),
                Outcome::Ended => was.fill(0),
                Outcome::Unread => {
                    was.fill(0);
                    news.unread += 1;
                }
            }
            self.shown &= !bit;
            if was_shown {
                news.lanes.push((lane, None));
            }
        }
        Ok(())
    }
}

/// Reads a lane that had the same series before and after a look at its head.
fn read<W: Words>(
    reader: &mut SegmentReader<W>,
    line: u64,
    head: LaneHead,
    before: Option<Known>,
    lives: bool,
) -> Result<Outcome, Bad> {
    let word = head.series;
    let Some(series) = reader.series(line, word)? else { return Ok(Outcome::Ended) };
    let value = f64::from_bits(head.head);
    let holds = match series.family.kind {
        Kind::Counter if (0.0..LIMIT).contains(&value) => Holds::Counter(value),
        Kind::Counter => return Err(Bad::Body("a counter's value")),
        // A dead process's state is nobody's state.
        Kind::Gauge if !lives => return Ok(Outcome::Nobodys),
        Kind::Gauge if value.is_finite() => Holds::Gauge(value),
        Kind::Gauge => return Err(Bad::Body("a gauge's value")),
        Kind::Timer => {
            let read = timer(reader.source(), line, head.head, &series.family, before);
            // After all of it: nothing of another series' life of the lane was read, or it is seen here.
            if reader.has_ended(line, word)? {
                return Ok(Outcome::Ended);
            }
            match read {
                Ok((reading, distribution)) => Holds::Timer(reading, distribution),
                Err(Bad::Overrun) => return Ok(Outcome::Unread),
                Err(bad) => return Err(bad),
            }
        }
    };
    Ok(Outcome::Read(Lane { word, series, holds }))
}

/// A timer's lane, whose head is at least `head`.
fn timer(
    source: &impl Words,
    line: u64,
    head: u64,
    family: &FamilyRecord,
    before: Option<Known>,
) -> Result<(Reading, Option<Distribution>), Bad> {
    let known = before.map_or(0, |before| before.head);
    // Few values are faster counted than all buckets read.
    if before.is_some_and(|before| before.is_complete) && head.saturating_sub(known) <= FEW {
        let reading = ring::read(source, line, family.window, known)?;
        if reading.since(known).is_some() {
            return Ok((newer(reading, known, u64::MAX), None));
        }
    }
    let folded = if family.distribution {
        // Where they are is asked anew: in the copy that first showed the series, other words may still
        // be those of before.
        let place = LaneHead::read(source, line)?.buckets(family.window);
        Some(buckets::read(source, place, &family.bounds)?)
    } else {
        None
    };
    // After the buckets: it has what they lack.
    let reading = ring::read(source, line, family.window, known)?;
    let distribution = folded.map_or(Ok(Distribution::default()), |folded| folded.with_rest(&reading))?;
    Ok((newer(reading, known, family.window.into()), Some(distribution)))
}

/// Without what was known when the head was `before`, and at most so many: what is kept until the whole
/// segment is read is small.
fn newer(mut reading: Reading, before: u64, most: u64) -> Reading {
    let wanted = usize::try_from(most.min(reading.head - before)).unwrap_or(usize::MAX);
    reading.newest = reading.newest.split_off(reading.newest.len().saturating_sub(wanted));
    reading
}

impl Lane {
    /// The word that its line starts with, where this is what it says.
    fn head(&self, seen: u64) -> u64 {
        match &self.holds {
            Holds::Timer(reading, _) => reading.head,
            Holds::Counter(_) | Holds::Gauge(_) => seen,
        }
    }

    /// Whether buckets hold every observation, as far as there are any.
    fn is_complete(&self) -> bool {
        match &self.holds {
            Holds::Timer(reading, Some(distribution)) if self.series.family.distribution => {
                let Distribution { zero, unplaced, exponential, .. } = distribution;
                let all = exponential.values().chain([*zero, *unplaced]);
                let exponential = all.fold(0_u64, u64::saturating_add);
                distribution.count() == reading.head && exponential == reading.head
            }
            Holds::Timer(..) | Holds::Counter(_) | Holds::Gauge(_) => true,
        }
    }

    /// Whether it is what it was, but for new observations; else all of it was read.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self.holds, Holds::Timer(_, None))
    }

    /// What it adds to its series, but for observations.
    pub(crate) fn take_total(&mut self) -> SeriesTotal {
        let total = SeriesTotal { lanes: 1, ..SeriesTotal::default() };
        match &mut self.holds {
            Holds::Counter(value) => SeriesTotal { sum: Exact::of([*value]), ..total },
            Holds::Gauge(state) => SeriesTotal { state: *state, ..total },
            Holds::Timer(Reading { head, sum, .. }, distribution) => {
                let distribution = distribution.take().unwrap_or_default();
                SeriesTotal { count: *head, sum: *sum, distribution, ..total }
            }
        }
    }

    /// Its observations: those that came since the lane was last read, or the newest of all.
    pub(crate) fn newest(&self) -> &[(u64, f64)] {
        match &self.holds {
            Holds::Timer(reading, _) => &reading.newest,
            Holds::Counter(_) | Holds::Gauge(_) => &[],
        }
    }
}
