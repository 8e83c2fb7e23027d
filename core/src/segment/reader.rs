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
        BLOCK_LANES, BYTE_ORDER, Block, Chunk, Header, LINE, LINE_WORDS, LOSSES, Lines, MAGIC, VERSION,
        identity,
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
    /// Descriptors are written once: what was read stays.
    series: HashMap<u64, Arc<Described>>,
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
            let mut words = [0; Block::LINES as usize * LINE_WORDS];
            self.source.read(line, &mut words)?;
            claimed += Block::LINES;
            for (place, words) in words.chunks_exact(LINE_WORDS).skip(1).enumerate().take(BLOCK_LANES) {
                let head = LaneHead::of(words);
                if head.series != 0 {
                    let series = self.series(head.series)?;
                    if series.family.kind == Kind::Timer {
                        claimed = claimed.saturating_add(head.chunks.saturating_mul(Chunk::LINES));
                    }
                    lanes.push(LaneAt { line: line + 1 + place as u64, head, series });
                }
            }
            // Blocks and chunks are nobody else's: what they claim is there. So reading takes no
            // more time and memory than the segment's size explains.
            if claimed > self.source.lines()?.min(MOST_LINES) {
                return Err(Bad::Body("its lanes share memory"));
            }
            line = words[0];
        }
        Ok(lanes)
    }

    fn series(&mut self, line: u64) -> Result<Arc<Described>, Bad> {
        if let Some(known) = self.series.get(&line) {
            return Ok(Arc::clone(known));
        }
        let record =
            SeriesRecord::decode(&self.descriptor(line)?).ok_or(Bad::Body("a series' descriptor"))?;
        let family = self.family(record.family)?;
        if family.labels.len() != record.values.len() {
            return Err(Bad::Body("a series' number of labels"));
        }
        let described = Arc::new(Described { family, values: record.values });
        self.series.insert(line, Arc::clone(&described));
        Ok(described)
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
