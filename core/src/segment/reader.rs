//! The reader's side of a segment: checks every byte before anything is shown.

use std::{
    collections::{HashMap, HashSet},
    fmt, io,
    mem::offset_of,
    sync::Arc,
};

use super::{
    descriptor::{self, FamilyRecord, SeriesRecord},
    layout::{
        BLOCK_LANES, BYTE_ORDER, Block, Chunk, HIDDEN, Header, LINE, LINE_WORDS, LOSSES, Lines, MAGIC,
        VERSION, identity,
    },
    source::Words,
    writer,
};
use crate::{
    catalog::Kind,
    ring::{LaneHead, Unreadable},
};

/// A segment whose header held.
#[derive(Debug)]
pub(crate) struct SegmentReader<W> {
    source: W,
    pub(crate) created: u64,
    pub(crate) epoch: u32,
    /// By the series word of the lanes. A descriptor is not changed as long as a lane that points to it
    /// is shown.
    series: HashMap<u64, Arc<Described>>,
    /// Families are described once: what was read stays.
    families: HashMap<u64, Arc<FamilyRecord>>,
}

/// A series with its family.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) family: Arc<FamilyRecord>,
    pub(crate) values: Vec<String>,
}

/// A published lane.
#[derive(Clone, Debug)]
pub(crate) struct LaneAt {
    pub(crate) line: u64,
    pub(crate) head: LaneHead,
    pub(crate) series: Arc<Described>,
}

/// Why a segment is not shown.
#[derive(Debug)]
pub(crate) enum Bad {
    Source(io::Error),
    Header(&'static str),
    Newer(u32),
    Body(&'static str),
    Overrun,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bad::Source(error) => write!(f, "it cannot be read: {error}"),
            Bad::Header(what) => write!(f, "its header does not hold: {what}"),
            Bad::Newer(version) => {
                write!(
                    f,
                    "its format is version {version}, this reader knows up to {VERSION}; upgrade the reader"
                )
            }
            Bad::Body(what) => write!(f, "it is corrupt: {what}"),
            Bad::Overrun => f.write_str("its writer was faster than every attempt to read it"),
        }
    }
}

impl From<io::Error> for Bad {
    fn from(error: io::Error) -> Bad {
        Bad::Source(error)
    }
}

impl From<Unreadable> for Bad {
    fn from(error: Unreadable) -> Bad {
        match error {
            Unreadable::Source(error) => Bad::Source(error),
            Unreadable::Corrupt(what) => Bad::Body(what),
            Unreadable::Overrun => Bad::Overrun,
        }
    }
}

/// No segment has more lines, whatever the length of its file says: that of a sparse one is free.
const MOST_LINES: u64 = (1 << 30) / LINE as u64;

impl<W: Words> SegmentReader<W> {
    /// Checks the header of the segment of that id.
    pub(crate) fn open(source: W, id: u64) -> Result<SegmentReader<W>, Bad> {
        let mut words = [0; identity::WORDS];
        source.read(0, &mut words)?;
        if words[identity::MAGIC] != MAGIC {
            return Err(Bad::Header("not a segment"));
        }
        let (version, order) = ((words[identity::VERSION] >> 32) as u32, words[identity::VERSION] as u32);
        if order != BYTE_ORDER {
            return Err(Bad::Header("written in another byte order"));
        }
        // Before the checksum, which a later version may compute differently.
        if version > VERSION {
            return Err(Bad::Newer(version));
        }
        if words[identity::CHECKSUM] != writer::checksum(&words) {
            return Err(Bad::Header("wrong checksum"));
        }
        if words[identity::ID] != id {
            return Err(Bad::Header("another id than its name"));
        }
        let created = words[identity::CREATED];
        let epoch = u32::try_from(words[identity::EPOCH]).map_err(|_| Bad::Header("its epoch"))?;
        let (series, families) = (HashMap::new(), HashMap::new());
        Ok(SegmentReader { source, created, epoch, series, families })
    }

    pub(crate) fn source(&self) -> &W {
        &self.source
    }

    pub(crate) fn into_source(self) -> W {
        self.source
    }

    /// What the owner could not record, by kind.
    pub(crate) fn losses(&self) -> io::Result<[u64; LOSSES]> {
        let mut losses = [0; LOSSES];
        self.source.read((offset_of!(Header, losses) / LINE) as u64, &mut losses)?;
        Ok(losses)
    }

    /// Every published lane, blocks newest first.
    pub(crate) fn lanes(&mut self) -> Result<Vec<LaneAt>, Bad> {
        let mut root = [0; 1];
        self.source.read((offset_of!(Header, root) / LINE) as u64, &mut root)?;
        let mut lanes = Vec::new();
        let (mut line, mut seen, mut claimed) = (root[0], HashSet::new(), 0_u64);
        while line != 0 {
            if !seen.insert(line) {
                return Err(Bad::Body("its blocks are linked in a ring"));
            }
            // Three looks. A lane that has the same series at the first and the last had it all along,
            // so what the second shows is of that series: "hide" and "recycle".
            let mut looks = [[0; Block::LINES as usize * LINE_WORDS]; 3];
            for words in &mut looks {
                self.source.read(line, words)?;
            }
            claimed += Block::LINES;
            for place in 1..=BLOCK_LANES {
                let of = |look: &[u64]| LaneHead::of(&look[place * LINE_WORDS..]);
                let [first, head, last] = looks.each_ref().map(|look| of(look));
                let word = first.series;
                if word == 0 || word & HIDDEN != 0 || last.series != word {
                    continue;
                }
                let (head, line) = (LaneHead { series: word, ..head }, line + place as u64);
                let Some(series) = self.series(line, word)? else { continue };
                if series.family.kind == Kind::Timer {
                    claimed = claimed.saturating_add(head.chunks.saturating_mul(Chunk::LINES));
                }
                lanes.push(LaneAt { line, head, series });
            }
            let words = &looks[0];
            // Blocks and chunks are nobody else's: what they claim is there. So reading takes no
            // more time and memory than the segment's size explains.
            if claimed > self.source.lines()?.min(MOST_LINES) {
                return Err(Bad::Body("its lanes share memory"));
            }
            line = words[0];
        }
        // Those of removed series are not needed again.
        let shown: HashSet<u64> = lanes.iter().map(|lane| lane.head.series).collect();
        self.series.retain(|word, _| shown.contains(word));
        Ok(lanes)
    }

    /// Whether a lane is of that series word no more: what was read of it since then is nobody's.
    pub(crate) fn has_ended(&self, lane: u64, word: u64) -> io::Result<bool> {
        Ok(LaneHead::read(&self.source, lane)?.series != word)
    }

    /// The series of a lane; none where it has been removed meanwhile.
    fn series(&mut self, lane: u64, word: u64) -> Result<Option<Arc<Described>>, Bad> {
        if let Some(known) = self.series.get(&word) {
            return Ok(Some(Arc::clone(known)));
        }
        match self.read_series(word) {
            Ok(described) => {
                self.series.insert(word, Arc::clone(&described));
                Ok(Some(described))
            }
            // Another series' descriptor may be written in its place.
            Err(_) if self.has_ended(lane, word)? => Ok(None),
            Err(bad) => Err(bad),
        }
    }

    fn read_series(&mut self, word: u64) -> Result<Arc<Described>, Bad> {
        let words = self.descriptor(word & u64::from(u32::MAX))?;
        let record = SeriesRecord::decode(&words).ok_or(Bad::Body("a series' descriptor"))?;
        if u64::from(record.serial) != word >> 32 {
            return Err(Bad::Body("a series' serial number"));
        }
        let family = self.family(record.family)?;
        if family.labels.len() != record.values.len() {
            return Err(Bad::Body("a series' number of labels"));
        }
        Ok(Arc::new(Described { family, values: record.values }))
    }

    fn family(&mut self, line: u64) -> Result<Arc<FamilyRecord>, Bad> {
        if let Some(known) = self.families.get(&line) {
            return Ok(Arc::clone(known));
        }
        let record =
            FamilyRecord::decode(&self.descriptor(line)?).ok_or(Bad::Body("a family's descriptor"))?;
        let family = Arc::new(record);
        self.families.insert(line, Arc::clone(&family));
        Ok(family)
    }

    fn descriptor(&self, line: u64) -> Result<Vec<u64>, Bad> {
        let mut words = vec![0; LINE_WORDS];
        self.source.read(line, &mut words)?;
        let lines = descriptor::lines(&words).ok_or(Bad::Body("a descriptor's length"))?;
        words.resize(lines as usize * LINE_WORDS, 0);
        self.source.read(line, &mut words)?;
        Ok(words)
    }
}
