//! Reader of one segment: checks every byte before it is used.

use std::{
    collections::{HashMap, HashSet},
    io,
    mem::offset_of,
    sync::Arc,
};

use crate::{
    catalog::Kind,
    format::{
        anchors,
        budget::Metered,
        descriptor::{self, FamilyDescriptor, SeriesDescriptor},
        error::SegmentError,
        header::{FIRST_ANCHOR, HEADER_WORDS, SegmentHeader},
        layout::{
            ANCHORS, HEALTH_COUNTERS, Header, LINE, LINE_WORDS, anchor, copied, ring_chunks, table_lines,
        },
        limits::MAX_DEFINITIONS,
        line_index::LineIndex,
        series_word::SeriesWord,
        source::SegmentSource,
    },
    histogram,
    policy::label_order::LabelOrder,
    ring::LaneHeader,
};

/// A segment with a valid header.
#[derive(Debug)]
pub(crate) struct SegmentReader<W> {
    source: Metered<W>,
    pub(crate) header: SegmentHeader,
    /// Whether a copy counts in place of this segment, when the root was last read.
    pub(crate) is_superseded: bool,
    /// A descriptor does not change while a published lane points to it.
    series: HashMap<SeriesWord, Arc<SeriesInfo>>,
    /// A family's descriptor never changes, so it is read once. With each family, the
    /// order of its labels if the writer did not sort them.
    families: HashMap<LineIndex, (Arc<FamilyDescriptor>, Option<LabelOrder>)>,
    /// The number of definitions of each name.
    definitions: HashMap<String, usize>,
    /// The cost of each descriptor.
    parts: HashMap<LineIndex, DescriptorCost>,
    /// The sum of `parts`.
    taken: DescriptorCost,
}

/// The cost of a descriptor.
#[derive(Clone, Copy, Debug, Default)]
struct DescriptorCost {
    /// Lines of the segment.
    lines: u64,
    /// Bytes of an exposition; 0 for a family's descriptor.
    shown: u64,
}

/// A series and its family.
#[derive(Debug)]
pub(crate) struct SeriesInfo {
    pub(crate) family: Arc<FamilyDescriptor>,
    /// The time at which its process began the series: nanoseconds since 1970, by the clock of its
    /// epoch.
    pub(crate) begun: u64,
    /// In the order of the family's sorted label names.
    pub(crate) values: Vec<String>,
    part: DescriptorCost,
}

#[cfg(test)]
impl SeriesInfo {
    pub(crate) fn new(family: &Arc<FamilyDescriptor>, begun: u64, values: &[&str]) -> SeriesInfo {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        SeriesInfo { family: Arc::clone(family), begun, values, part: DescriptorCost::default() }
    }
}

/// The maximum number of lines of a segment.
const MAX_LINES: u64 = (1 << 30) / LINE as u64;

impl<W: SegmentSource> SegmentReader<W> {
    /// Checks the header of the segment with that id.
    pub(crate) fn open(source: W, id: u64) -> Result<SegmentReader<W>, SegmentError> {
        let header = SegmentHeader::read(&source, id)?;
        let (series, families, definitions, parts) = Default::default();
        let (source, taken) = (Metered::new(source), DescriptorCost::default());
        Ok(SegmentReader {
            source,
            header,
            is_superseded: false,
            series,
            families,
            definitions,
            parts,
            taken,
        })
    }

    pub(crate) fn source(&self) -> &W {
        self.source.source()
    }

    /// Returns the source, for replacing it with the same file under another descriptor.
    pub(crate) fn source_mut(&mut self) -> &mut W {
        self.source.source_mut()
    }

    /// Returns the source, whose reads are charged to the budget.
    pub(crate) fn words(&self) -> &Metered<W> {
        &self.source
    }

    /// Returns the line of the newest block, 0 for none, and the health counters of the owner. Also
    /// reads the later anchors, and whether the segment is superseded.
    pub(crate) fn read_root(&mut self) -> io::Result<(u64, [u64; HEALTH_COUNTERS])> {
        const FIRST: usize = offset_of!(Header, root) / 8;
        const COUNTS: usize = offset_of!(Header, losses) / 8 - FIRST;
        let mut words = [0; HEADER_WORDS - FIRST];
        self.source.read((FIRST / LINE_WORDS) as u64, &mut words)?;
        self.is_superseded = words[copied::WORD - FIRST] == copied::SUPERSEDED;
        let (mut losses, mut later) = ([0; HEALTH_COUNTERS], [0; ANCHORS * anchor::WORDS]);
        losses.copy_from_slice(&words[COUNTS..COUNTS + HEALTH_COUNTERS]);
        later.copy_from_slice(&words[FIRST_ANCHOR - FIRST..]);
        for (cached, read) in self.header.anchors[1..].iter_mut().zip(anchors::read(&later)) {
            // An anchor that is being written keeps its previous value.
            *cached = read.or(*cached);
        }
        Ok((words[0], losses))
    }

    /// Returns the current number of lines, and starts a new budget for reading them.
    pub(crate) fn begin(&self) -> io::Result<u64> {
        let lines = self.source.lines()?.min(MAX_LINES);
        self.source.refill(lines);
        Ok(lines)
    }

    /// Checks that the lines of all blocks, lanes and descriptors are not more than the segment
    /// has.
    ///
    /// No two of these parts share a line, so a segment in which they need more lines is corrupt.
    /// This bounds the time and memory of reading by the size of the segment.
    pub(crate) fn check_lines(&self, claimed: u64, lines: &mut u64) -> Result<(), SegmentError> {
        let all = claimed.saturating_add(self.taken.lines);
        if all > *lines {
            // The segment may have grown.
            *lines = self.begin()?;
        }
        if all > *lines {
            return Err(SegmentError::Corrupt("its parts share memory, or are not on disk"));
        }
        if !self.source.allows_shown(self.taken.shown) {
            return Err(SegmentError::Corrupt(
                "its names and label values are longer than its size explains",
            ));
        }
        Ok(())
    }

    /// Returns the number of lines that a published lane of a series occupies in addition to its
    /// chunks.
    pub(crate) fn lane_lines(&self, word: SeriesWord) -> u64 {
        let Some(series) = self.series.get(&word) else { return 0 };
        let FamilyDescriptor { kind, window, distribution, bounds, .. } = &*series.family;
        match (kind, distribution) {
            (Kind::Timer, true) => table_lines(ring_chunks(*window)) + histogram::lines(bounds.len()),
            (Kind::Timer, false) => table_lines(ring_chunks(*window)),
            _ => 0,
        }
    }

    /// Drops the series of lanes that are not published any more.
    pub(crate) fn retain_series(&mut self, shown: &HashSet<SeriesWord>) {
        let SegmentReader { series, parts, taken, .. } = self;
        series.retain(|word, _| shown.contains(word));
        // If a series uses the line of a removed one, it has already replaced its part.
        let lines: HashSet<LineIndex> = series.keys().map(|word| word.line()).collect();
        parts.retain(|line, part| {
            let stays = part.shown == 0 || lines.contains(line);
            if !stays {
                taken.remove(*part);
            }
            stays
        });
    }

    /// Adds the cost of a descriptor.
    fn add_part(&mut self, line: LineIndex, part: DescriptorCost) {
        self.taken.lines += part.lines;
        self.taken.shown = self.taken.shown.saturating_add(part.shown);
        // The line belonged to a descriptor that was removed.
        if let Some(removed) = self.parts.insert(line, part) {
            self.taken.remove(removed);
        }
    }

    #[cfg(test)]
    pub(crate) fn cached_series(&self) -> usize {
        self.series.len()
    }

    /// Returns the series of that word if it was read already.
    pub(crate) fn cached(&self, word: SeriesWord) -> Option<&Arc<SeriesInfo>> {
        self.series.get(&word)
    }

    /// Returns whether the series of that word is known, and is not a gauge.
    pub(crate) fn is_not_gauge(&self, word: SeriesWord) -> bool {
        self.cached(word).is_some_and(|series| series.family.kind != Kind::Gauge)
    }

    /// Returns whether a lane has another series word by now. If so, all that was read of the lane
    /// since it had `word` must be discarded.
    pub(crate) fn is_stale(&self, lane: LineIndex, word: SeriesWord) -> io::Result<bool> {
        Ok(LaneHeader::read(&self.source, lane.word())?.series != word)
    }

    /// Returns the series of a lane; none if it was removed meanwhile.
    pub(crate) fn series(
        &mut self,
        lane: LineIndex,
        word: SeriesWord,
    ) -> Result<Option<Arc<SeriesInfo>>, SegmentError> {
        if let Some(cached) = self.series.get(&word) {
            return Ok(Some(Arc::clone(cached)));
        }
        match self.read_series(word) {
            Ok(described) => {
                self.add_part(word.line(), described.part);
                self.series.insert(word, Arc::clone(&described));
                Ok(Some(described))
            }
            // The descriptor of another series may have been written to the same line.
            Err(_) if self.is_stale(lane, word)? => Ok(None),
            Err(bad) => Err(bad),
        }
    }

    fn read_series(&mut self, word: SeriesWord) -> Result<Arc<SeriesInfo>, SegmentError> {
        let words = self.descriptor(word.line())?;
        let record = SeriesDescriptor::decode(&words).ok_or(SegmentError::Corrupt("a series' descriptor"))?;
        if record.serial != word.serial() {
            return Err(SegmentError::Corrupt("a series' serial number"));
        }
        let (family, order) = self.family(record.family)?;
        if family.labels.len() != record.values.len() {
            return Err(SegmentError::Corrupt("a series' number of labels"));
        }
        let length = record.values.iter().map(String::len).sum();
        // Never 0, which marks the descriptor of a family.
        let part = DescriptorCost { lines: lines_of(&words), shown: family.shown_bytes(length).max(1) };
        // A series is never older than its segment, even if the wall clock was set.
        let (begun, values) = (record.begun.max(self.header.created), record.values);
        let values = order.map_or_else(|| values.clone(), |order| order.apply(&values));
        Ok(Arc::new(SeriesInfo { family, begun, values, part }))
    }

    fn family(
        &mut self,
        line: LineIndex,
    ) -> Result<(Arc<FamilyDescriptor>, Option<LabelOrder>), SegmentError> {
        if let Some(cached) = self.families.get(&line) {
            return Ok(cached.clone());
        }
        let words = self.descriptor(line)?;
        let mut record =
            FamilyDescriptor::decode(&words).ok_or(SegmentError::Corrupt("a family's descriptor"))?;
        let order = LabelOrder::sort(&mut record.labels);
        let definitions = self.definitions.entry(record.name.clone()).or_default();
        if *definitions == MAX_DEFINITIONS {
            return Err(SegmentError::Corrupt("a family has too many definitions"));
        }
        *definitions += 1;
        self.add_part(line, DescriptorCost { lines: lines_of(&words), shown: 0 });
        let family = (Arc::new(record), order);
        self.families.insert(line, family.clone());
        Ok(family)
    }

    fn descriptor(&self, line: LineIndex) -> Result<Vec<u64>, SegmentError> {
        let mut words = vec![0; LINE_WORDS];
        self.source.read(line.word(), &mut words)?;
        let lines = descriptor::lines(&words).ok_or(SegmentError::Corrupt("a descriptor's length"))?;
        words.resize(lines as usize * LINE_WORDS, 0);
        self.source.read(line.word(), &mut words)?;
        Ok(words)
    }
}

impl DescriptorCost {
    fn remove(&mut self, part: DescriptorCost) {
        self.lines = self.lines.saturating_sub(part.lines);
        self.shown = self.shown.saturating_sub(part.shown);
    }
}

fn lines_of(words: &[u64]) -> u64 {
    (words.len() / LINE_WORDS) as u64
}
