//! Incremental reader of one segment: each poll returns the lanes that changed since the previous
//! one.
//!
//! The cursor caches the words of every block. A series word identifies one incarnation of a lane,
//! so a lane with equal words has an equal value. If words differ, the cursor reads the block twice
//! more, and reads the lanes whose words changed. Of a timer with few new observations, it copies
//! only their slots, usually with one read, or the chunks that hold them. It then reads the lines of
//! all such lanes of the block twice more.

mod lane;
pub(crate) mod listed;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::offset_of,
};

use super::{
    segment_reader::SegmentReader,
    totals::{SeriesTotal, Totals},
};
use crate::{
    format::{
        error::SegmentError,
        layout::{self, BLOCK_LANES, Block, Chunk, HEALTH_COUNTERS, LINE_WORDS, Lines},
        line_index::LineIndex,
        series_word::SeriesWord,
        source::SegmentSource,
    },
    ring::LaneHeader,
    snapshot::Observation,
};
pub(crate) use lane::LaneDelta;
use lane::{CachedTimer, CopiedLane, LaneRead, copy_new, read};

const BLOCK_WORDS: usize = Block::LINES as usize * LINE_WORDS;
/// Indexes of words of a lane.
const HEAD: usize = offset_of!(layout::Lane, head) / 8;
const SERIES: usize = offset_of!(layout::Lane, series) / 8;
const CHUNKS: usize = offset_of!(layout::Lane, chunks) / 8;

/// The cached lanes of a segment.
#[derive(Debug, Default)]
pub(crate) struct SegmentCursor {
    blocks: BTreeMap<LineIndex, BlockCache>,
    /// Whether the owner lived at the last poll.
    owner_was_alive: bool,
    /// Whether any poll succeeded.
    polled: bool,
}

/// The cached state of a block.
#[derive(Clone, Debug)]
struct BlockCache {
    /// The words of the block; zeros for a lane that must be read again.
    words: Box<[u64; BLOCK_WORDS]>,
    /// The published lanes, as bits.
    published: u64,
    /// The published lanes whose buckets held every observation when they were read, as bits.
    complete: u64,
    /// Lines of the chunks of its lanes.
    chunks: u64,
    /// Lines that its lanes occupy in addition to their chunks.
    rest: u64,
    /// The lines of the chunks that hold the newest observations of its lanes, if they are known,
    /// otherwise 0. A chunk keeps its place in a lane's ring.
    tails: [u32; BLOCK_LANES + 1],
}

/// The changes of a segment since the last poll.
#[derive(Debug)]
pub(crate) struct SegmentDelta {
    /// Whether no poll succeeded before this one.
    pub(crate) first: bool,
    pub(crate) losses: [u64; HEALTH_COUNTERS],
    /// Lanes that were never read, because their writers were faster than every attempt.
    pub(crate) unread: u64,
    /// The lanes that changed, each with its line, unordered; none for a lane that is not published any more.
    pub(crate) lanes: Vec<(LineIndex, Option<LaneDelta>)>,
}

impl SegmentCursor {
    /// Returns the changes of a segment since the last poll.
    ///
    /// If the segment turns out to be corrupt, the cache stays as it was, and the next poll returns
    /// all changes. A lane whose writer was faster than every attempt keeps its last state.
    pub(crate) fn poll<W: SegmentSource>(
        &mut self,
        reader: &mut SegmentReader<W>,
        lives: bool,
    ) -> Result<SegmentDelta, SegmentError> {
        let mut lines = reader.begin()?;
        let (root, losses) = reader.read_root()?;
        let mut changes = SegmentDelta { first: !self.polled, losses, unread: 0, lanes: Vec::new() };
        let (mut next, mut claimed) = (root, 0_u64);
        let (mut chain, mut changed) = (BTreeSet::new(), Vec::new());
        while next != 0 {
            let (line, words) = read_block(reader, next)?;
            let near = line.saturating_sub(BLOCK_LANES)..line.saturating_add(BLOCK_LANES + 1);
            if chain.range(near).next().is_some() {
                return Err(SegmentError::Corrupt("its blocks are linked in a ring, or share memory"));
            }
            chain.insert(line);
            let cached = self.blocks.get(&line);
            claimed = claimed.saturating_add(match cached {
                Some(cached) if cached.is_current(&words) && lives == self.owner_was_alive => {
                    cached.claimed()
                }
                _ => {
                    let mut seen = cached.cloned().unwrap_or_default();
                    seen.read_changed_lanes(
                        reader,
                        line,
                        &words,
                        [self.owner_was_alive, lives],
                        &mut changes,
                    )?;
                    let claimed = seen.claimed();
                    changed.push((line, seen));
                    claimed
                }
            });
            reader.check_lines(claimed, &mut lines)?;
            next = words[0];
        }
        for (line, seen) in &self.blocks {
            if !chain.contains(line) {
                changes.lanes.extend(seen.published_lanes().map(|index| (line.saturating_add(index), None)));
            }
        }
        self.blocks.retain(|line, _| chain.contains(line));
        self.blocks.extend(changed);
        (self.owner_was_alive, self.polled) = (lives, true);
        if changes.lanes.iter().any(|(_, lane)| lane.is_none()) {
            reader.retain_series(&self.blocks.values().flat_map(BlockCache::series).collect());
        }
        Ok(changes)
    }

    /// Makes the next poll read a timer's lane completely.
    pub(crate) fn invalidate(&mut self, lane: LineIndex) {
        if let Some((line, seen)) = self.blocks.range_mut(..lane).next_back()
            && let index = (lane.get() - line.get()) as usize
            && index <= BLOCK_LANES
        {
            // A published timer's lane always has chunks, so its words differ from the cache.
            seen.lane(index)[CHUNKS] = 0;
        }
    }

    /// Returns the state of all lanes of a segment as totals.
    pub(crate) fn read<W: SegmentSource>(
        mut self,
        reader: &mut SegmentReader<W>,
        lives: bool,
    ) -> Result<Totals, SegmentError> {
        let mut changes = self.poll(reader, lives)?;
        changes.lanes.sort_unstable_by_key(|&(line, _)| line);
        let mut totals = Totals::from_losses(changes.losses);
        totals.unread_lanes = changes.unread;
        reader.header.add_clock(&mut totals.clocks);
        for mut lane in changes.lanes.into_iter().filter_map(|(_, lane)| lane) {
            // A new cursor reads each lane completely.
            let Some(total) = lane.take_total() else { continue };
            let (epoch, origin) = (reader.header.epoch, totals.next_index());
            let observation = |&(stamp, value): &(u64, f64)| Observation { epoch, origin, stamp, value };
            let newest = lane.newest().iter().map(observation).collect();
            let exemplars = lane.take_exemplars().unwrap_or_default();
            let begun = lane.series.begun;
            let total = SeriesTotal { begun, newest, exemplars, ..total };
            totals.add_series(&lane.series.family, reader.header.created, &lane.series.values, total);
        }
        Ok(totals)
    }
}

impl Default for BlockCache {
    fn default() -> BlockCache {
        let (words, tails) = (Box::new([0; BLOCK_WORDS]), [0; BLOCK_LANES + 1]);
        BlockCache { words, published: 0, complete: 0, chunks: 0, rest: 0, tails }
    }
}

impl BlockCache {
    fn lane(&mut self, index: usize) -> &mut [u64] {
        &mut self.words[index * LINE_WORDS..][..LINE_WORDS]
    }

    /// Returns the published lanes whose buckets lacked observations when they were read, as bits. The
    /// words of such a lane may never change again, so it is read again at each poll.
    fn incomplete(&self) -> u64 {
        self.published & !self.complete
    }

    /// Returns whether nothing must be read of a block that has these words now.
    fn is_current(&self, words: &[u64; BLOCK_WORDS]) -> bool {
        *self.words == *words && self.incomplete() == 0
    }

    /// Returns the number of lines of the block and of the parts of its lanes.
    fn claimed(&self) -> u64 {
        Block::LINES.saturating_add(self.chunks).saturating_add(self.rest)
    }

    /// Returns the indexes of the published lanes.
    fn published_lanes(&self) -> impl Iterator<Item = usize> {
        (1..=BLOCK_LANES).filter(|index| self.published >> index & 1 == 1)
    }

    /// Returns the series words of the published lanes.
    fn series(&self) -> impl Iterator<Item = SeriesWord> {
        self.published_lanes().map(|index| LaneHeader::of(&self.words[index * LINE_WORDS..]).series)
    }

    /// Returns the cached state of a lane in this incarnation; none if the lane must be read
    /// completely.
    fn cached_lane(&self, index: usize, word: SeriesWord) -> Option<CachedTimer> {
        let cached = LaneHeader::of(&self.words[index * LINE_WORDS..]);
        let is_known = self.published >> index & 1 == 1 && cached.series == word && cached.chunks != 0;
        let is_complete = self.complete >> index & 1 == 1;
        let LaneHeader { head, exemplified, .. } = cached;
        is_known.then_some(CachedTimer { head, is_complete, exemplified })
    }

    /// Reads the lanes of a block whose words changed, and all gauges if the owner ended since the
    /// last poll.
    ///
    /// `first` holds the words of the block that the caller has read.
    fn read_changed_lanes<W: SegmentSource>(
        &mut self,
        reader: &mut SegmentReader<W>,
        line: LineIndex,
        first: &[u64; BLOCK_WORDS],
        lives: [bool; 2],
        changes: &mut SegmentDelta,
    ) -> Result<(), SegmentError> {
        // Three reads of the block. A lane with the same series in the first and the last had that
        // series all along, so its words in the second belong to that series: "hide" and "recycle".
        let mut looks = [[0; BLOCK_WORDS]; 2];
        for words in &mut looks {
            reader.words().read(line.word(), words)?;
        }
        let looks = [first, &looks[0], &looks[1]];
        self.chunks = 0;
        let (mut are_others, mut copied) = (false, Vec::new());
        self.words[..LINE_WORDS].copy_from_slice(&first[..LINE_WORDS]);
        for index in 1..=BLOCK_LANES {
            let (head, is_shown) = header(looks, index);
            if is_shown {
                self.chunks = self.chunks.saturating_add(head.chunks.saturating_mul(Chunk::LINES));
            }
            let at = index * LINE_WORDS..(index + 1) * LINE_WORDS;
            let is_known = self.words[at.clone()] == first[at] && self.incomplete() >> index & 1 == 0;
            if is_known && (lives[0] == lives[1] || reader.is_not_gauge(head.series)) {
                continue;
            }
            let cached = self.cached_lane(index, head.series).filter(|_| is_shown && is_same(looks, index));
            match cached.and_then(|cached| copy_new(reader, head, cached, self.tails[index].into())) {
                Some(lane) => copied.push((index, lane)),
                None => are_others |= self.read_lane(reader, line, index, looks, lives[1], changes)?,
            }
        }
        are_others |= self.validate_copied(reader, line, copied, looks, lives[1], changes)?;
        if are_others {
            self.rest = self.series().map(|word| reader.lane_lines(word)).sum();
        }
        Ok(())
    }

    /// Reads the lanes again whose new observations were copied. Returns whether any of them has
    /// another series than before, or none.
    ///
    /// The lines of all these lanes are read twice. The heads of the first read show what was
    /// overwritten while it was copied. The series words of the second read show that these heads
    /// are of the same life.
    fn validate_copied<W: SegmentSource>(
        &mut self,
        reader: &mut SegmentReader<W>,
        line: LineIndex,
        copied: Vec<(usize, CopiedLane)>,
        looks: Looks<'_>,
        lives: bool,
        changes: &mut SegmentDelta,
    ) -> Result<bool, SegmentError> {
        let (Some((low, _)), Some((high, _))) = (copied.first(), copied.last()) else { return Ok(false) };
        let (low, lines) = (*low, low * LINE_WORDS..(high + 1) * LINE_WORDS);
        let mut again = [[0; BLOCK_WORDS]; 2];
        for words in &mut again {
            reader.words().read(line.saturating_add(low).word(), &mut words[lines.clone()])?;
        }
        let mut are_others = false;
        for (index, lane) in copied {
            let [after, last] = again.each_ref().map(|words| LaneHeader::of(&words[index * LINE_WORDS..]));
            match lane.validate(after, last) {
                Some((delta, chunk)) => {
                    self.store(index, looks, &delta);
                    self.tails[index] = u32::try_from(chunk).unwrap_or(0);
                    changes.lanes.push((line.saturating_add(index), Some(delta)));
                }
                None => are_others |= self.read_lane(reader, line, index, looks, lives, changes)?,
            }
        }
        Ok(are_others)
    }

    /// Reads a lane. Returns whether the lane has another series than before, or none.
    fn read_lane<W: SegmentSource>(
        &mut self,
        reader: &mut SegmentReader<W>,
        line: LineIndex,
        index: usize,
        looks: Looks<'_>,
        lives: bool,
        changes: &mut SegmentDelta,
    ) -> Result<bool, SegmentError> {
        let (head, is_shown) = header(looks, index);
        let (word, lane) = (head.series, line.saturating_add(index));
        let outcome = match is_shown {
            false => LaneRead::Absent,
            true if !is_same(looks, index) => LaneRead::Removed,
            true => read(reader, lane, head, self.cached_lane(index, word), lives)?,
        };
        let bit = 1 << index;
        let was_shown = self.published & bit != 0;
        let had_series = was_shown && self.lane(index)[SERIES] == word.bits();
        match outcome {
            LaneRead::WriterTooFast if had_series => return Ok(false),
            LaneRead::Value(delta) => {
                self.store(index, looks, &delta);
                self.tails[index] = 0;
                changes.lanes.push((lane, Some(delta)));
                return Ok(!had_series);
            }
            LaneRead::Absent => {
                let at = index * LINE_WORDS..(index + 1) * LINE_WORDS;
                self.lane(index).copy_from_slice(&looks[0][at]);
            }
            LaneRead::Removed => self.lane(index).fill(0),
            LaneRead::WriterTooFast => {
                self.lane(index).fill(0);
                changes.unread += 1;
            }
        }
        self.published &= !bit;
        if was_shown {
            changes.lanes.push((lane, None));
        }
        Ok(was_shown)
    }

    /// Stores the state of a lane that was read.
    fn store(&mut self, index: usize, looks: Looks<'_>, delta: &LaneDelta) {
        let (head, _) = header(looks, index);
        let at = index * LINE_WORDS..(index + 1) * LINE_WORDS;
        let lane = self.lane(index);
        lane.copy_from_slice(&looks[1][at]);
        (lane[SERIES], lane[HEAD]) = (head.series.bits(), delta.head(head.head));
        let bit = 1 << index;
        self.published |= bit;
        self.complete = if delta.is_complete() { self.complete | bit } else { self.complete & !bit };
    }
}

/// Reads the block at the line that a word holds.
fn read_block<W: SegmentSource>(
    reader: &SegmentReader<W>,
    word: u64,
) -> Result<(LineIndex, [u64; BLOCK_WORDS]), SegmentError> {
    let mut words = [0; BLOCK_WORDS];
    reader.words().read(word, &mut words)?;
    // A sparse file may be longer than any segment. Its lines would be taken for other segments'.
    let line = LineIndex::from_word(word).ok_or(SegmentError::Corrupt("a block's position"))?;
    Ok((line, words))
}

/// Three reads of a block.
type Looks<'a> = [&'a [u64; BLOCK_WORDS]; 3];

/// Returns a lane by the second read with the series word of the first, and whether it is published.
fn header(looks: Looks<'_>, index: usize) -> (LaneHeader, bool) {
    let [series, head, _] = looks.map(|words| LaneHeader::of(&words[index * LINE_WORDS..]));
    let word = series.series;
    (LaneHeader { series: word, ..head }, word.is_published())
}

/// Returns whether a lane has the same series in the first read and in the last one. If so, the
/// second read is of that series.
fn is_same(looks: Looks<'_>, index: usize) -> bool {
    let [first, _, last] = looks.map(|words| LaneHeader::of(&words[index * LINE_WORDS..]).series);
    first == last
}
