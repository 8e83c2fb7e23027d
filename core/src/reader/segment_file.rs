//! One segment's file: what the reader caches of it between snapshots.

use std::{io, sync::Arc};

use rustix::io::Errno;

use super::{
    aggregate::{Aggregator, Key},
    cursor::{SegmentCursor, listed},
    segment_log::SegmentLog,
    segment_reader::{SegmentReader, SeriesInfo},
};
use crate::{
    clock::epoch_clocks::Clocks,
    directory::{self, Directory, access::MetricsPath, checked_file::CheckedFile, lock},
    format::error::SegmentError,
    snapshot::Health,
};

/// A segment's file.
#[derive(Debug, Default)]
pub(crate) struct SegmentFile {
    reader: Option<SegmentReader<CheckedFile>>,
    lives: bool,
    lanes: SegmentCursor,
    /// Disk space, when it was last read.
    bytes: u64,
    /// Whether it could ever be read: then what it said last stays merged.
    was_good: bool,
    /// Why it could not be read the last time.
    bad: Option<String>,
}

/// What came of an attempt to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// It is open, or cannot be read, which is said and counted.
    Yes,
    /// Its name is gone: it was retired since it was listed, or removed.
    Gone,
}

impl SegmentFile {
    /// Opens it where it is not open: it was never, a reader keeps a bounded number of files open, or the host
    /// has closed its descriptor.
    ///
    /// # Errors
    ///
    /// Where the process, or the system, has no descriptor or memory left: nothing is known of the file then.
    pub(crate) fn open(
        &mut self,
        directory: &Directory,
        id: u64,
        log: &mut SegmentLog,
    ) -> io::Result<Opened> {
        if self.is_open() {
            return Ok(Opened::Yes);
        }
        let file = match directory.open_segment_to_keep(id) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Opened::Gone),
            Err(error) if is_exhausted(&error) => return Err(error),
            Err(error) => {
                self.complain(directory.place(), id, &error.into(), log);
                return Ok(Opened::Yes);
            }
        };
        if let Some(reader) = &mut self.reader
            && file.standing() == reader.source().standing()
        {
            *reader.source_mut() = file;
            return Ok(Opened::Yes);
        }
        match SegmentReader::open(file, id) {
            Ok(reader) => {
                // Nothing of another file that had the name.
                self.lanes = SegmentCursor::default();
                self.reader = Some(reader);
            }
            Err(bad) => self.complain(directory.place(), id, &bad, log),
        }
        Ok(Opened::Yes)
    }

    /// Closes its file, and keeps what was read.
    pub(crate) fn close(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.source_mut().close();
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| reader.source().is_open())
    }

    /// Where it stands among the others; none where it could not be opened.
    pub(crate) fn key(&self, id: u64) -> Option<Key> {
        self.reader.as_ref().map(|reader| Key { in_memory: false, created: reader.created, id })
    }

    /// Merges what it says now. Where it cannot be read, it stays as it was when it was last good.
    pub(crate) fn read(&mut self, place: &MetricsPath, id: u64, into: &mut Aggregator, log: &mut SegmentLog) {
        let Some(key) = self.key(id) else { return };
        let Some(reader) = &mut self.reader else { return };
        // Before its lanes: what a dead owner wrote is all there.
        let looked = match reader.source().get() {
            Ok(file) => {
                self.lives = lock::owner_lives(file);
                self.bytes = directory::bytes(file);
                self.lanes.look(reader, self.lives)
            }
            Err(error) => Err(error.into()),
        };
        match looked {
            Ok(news) => {
                into.put_news(key, reader.epoch, self.lives, news);
                (self.was_good, self.bad) = (true, None);
            }
            Err(bad) => self.complain(place, id, &bad, log),
        }
    }

    /// Adds what it knows of its clock.
    pub(crate) fn add_clock(&self, clocks: &mut Clocks) {
        if let Some(reader) = &self.reader {
            reader.add_clock(clocks);
        }
    }

    /// The series that it has; none where it is not open or cannot be read.
    pub(crate) fn listed(&mut self) -> Option<Vec<Arc<SeriesInfo>>> {
        listed::series(self.reader.as_mut()?).ok()
    }

    /// Has a lane read again at the next look.
    pub(crate) fn forget(&mut self, lane: u64) {
        self.lanes.forget(lane);
    }

    /// Whether its owner lives now.
    pub(crate) fn owner_lives(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| reader.source().get().is_ok_and(lock::owner_lives))
    }

    /// Counts it.
    pub(crate) fn count(&self, health: &mut Health) {
        let state = match (&self.bad, self.lives) {
            (Some(_), _) => &mut health.bad_segments,
            (None, true) => &mut health.live_segments,
            (None, false) => &mut health.dead_segments,
        };
        *state += 1;
        health.bytes += self.bytes;
    }

    /// Whether it can be folded into the totals.
    pub(crate) fn is_to_be_retired(&self) -> bool {
        self.was_good && self.bad.is_none() && !self.lives
    }

    /// Forgets which cause was logged.
    pub(crate) fn log_again(&mut self) {
        self.bad = None;
    }

    /// Logs a cause once in a row.
    fn complain(&mut self, place: &MetricsPath, id: u64, bad: &SegmentError, log: &mut SegmentLog) {
        let reason = bad.to_string();
        if self.bad.as_ref() != Some(&reason) {
            log.left_out(place, id, bad);
            self.bad = Some(reason);
        }
    }
}

/// Whether there is no descriptor, or no memory for one, rather than something wrong with a file.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
}
