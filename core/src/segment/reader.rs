//! The reader's side of a segment: checks every byte before anything is shown.

use std::{
    collections::{HashMap, HashSet},
    fmt, io,
    mem::offset_of,
    sync::Arc,
};

use super::{
    descriptor::{self, FamilyRecord, SeriesRecord},
    layout::{BYTE_ORDER, Header, LINE, LINE_WORDS, LOSSES, MAGIC, VERSION, identity},
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

    /// The newest block's line, 0 for none, and what the owner could not record, by kind.
    pub(super) fn root(&self) -> io::Result<(u64, [u64; LOSSES])> {
        const FIRST: usize = offset_of!(Header, root) / 8;
        const LAST: usize = offset_of!(Header, losses) / 8 - FIRST;
        let mut words = [0; LAST + LOSSES];
        self.source.read((FIRST / LINE_WORDS) as u64, &mut words)?;
        let mut losses = [0; LOSSES];
        losses.copy_from_slice(&words[LAST..]);
        Ok((words[0], losses))
    }

    /// Lines that blocks and chunks can have by now. They are nobody else's, so those of a segment that
    /// claim more are not there, and reading takes no more time and memory than its size explains.
    pub(super) fn room(&self) -> io::Result<u64> {
        Ok(self.source.lines()?.min(MOST_LINES))
    }

    /// Forgets the series of lanes that are not shown any more.
    pub(super) fn keep_series(&mut self, shown: &HashSet<u64>) {
        self.series.retain(|word, _| shown.contains(word));
    }

    #[cfg(test)]
    pub(super) fn known_series(&self) -> usize {
        self.series.len()
    }

    /// Whether lanes of that word are known to be of other things than gauges.
    pub(super) fn is_no_gauge(&self, word: u64) -> bool {
        self.series.get(&word).is_some_and(|series| series.family.kind != Kind::Gauge)
    }

    /// Whether a lane is of that series word no more: what was read of it since then is nobody's.
    pub(crate) fn has_ended(&self, lane: u64, word: u64) -> io::Result<bool> {
        Ok(LaneHead::read(&self.source, lane)?.series != word)
    }

    /// The series of a lane; none where it has been removed meanwhile.
    pub(super) fn series(&mut self, lane: u64, word: u64) -> Result<Option<Arc<Described>>, Bad> {
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
