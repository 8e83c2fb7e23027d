//! The file of one segment, with the state that a reader caches between snapshots.

use std::{io, sync::Arc};

use rustix::io::Errno;

use super::{
    aggregate::{Aggregator, SegmentKey},
    cursor::{SegmentCursor, listed},
    segment_log::SegmentLog,
    segment_reader::{SegmentReader, SeriesInfo},
};
use crate::{
    clock::epoch_clocks::Clocks,
    directory::{self, Directory, access::MetricsPath, checked_file::CheckedFile, lock},
    format::{error::SegmentError, line_index::LineIndex},
    log_once::LogOnce,
    snapshot::Health,
};

/// The file of a segment.
#[derive(Debug, Default)]
pub(crate) struct SegmentFile {
    reader: Option<SegmentReader<CheckedFile>>,
    lives: bool,
    lanes: SegmentCursor,
    /// Disk space when the file was last read.
    bytes: u64,
    /// Whether the file could be read at least once. Its last good state then stays merged.
    was_good: bool,
    /// Whether the last read failed.
    is_bad: bool,
    /// Logs the error of a read, but not twice in a row.
    error_log: LogOnce,
}

/// The result of opening or reading a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// The file is open, or it cannot be read, which is logged and counted.
    Yes,
    /// The file's name does not exist any more: the segment was retired after it was listed, or
    /// removed. Or the file has lost its name to a copy.
    Gone,
}

impl SegmentFile {
    /// Opens the file if it is not open. A reader keeps a bounded number of files open, and the
    /// host program may have closed the descriptor.
    ///
    /// # Errors
    ///
    /// If the process or the system has no descriptors or memory left. The state of the file is
    /// then unknown.
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
                self.log_once(directory.metrics_path(), id, &error.into(), log);
                return Ok(Opened::Yes);
            }
        };
        if let Some(reader) = &mut self.reader
            && file.identity() == reader.source().identity()
        {
            *reader.source_mut() = file;
            return Ok(Opened::Yes);
        }
        match SegmentReader::open(file, id) {
            Ok(reader) => {
                // Drops the cached lanes, which may be those of another file of the same name.
                self.lanes = SegmentCursor::default();
                self.reader = Some(reader);
            }
            Err(bad) => self.log_once(directory.metrics_path(), id, &bad, log),
        }
        Ok(Opened::Yes)
    }

    /// Closes the file, and keeps the cached state.
    pub(crate) fn close(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.source_mut().close();
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| reader.source().is_open())
    }

    /// Returns the rank key of the segment; none if its header was never read.
    pub(crate) fn order_key(&self, id: u64) -> Option<SegmentKey> {
        self.reader.as_ref().map(|reader| SegmentKey { in_memory: false, created: reader.header.created, id })
    }

    /// Merges the changes of the segment. If the segment cannot be read, its last good state stays
    /// merged. If a copy counts in its place, nothing is merged, and the segment must be listed
    /// again.
    pub(crate) fn read(
        &mut self,
        metrics_path: &MetricsPath,
        id: u64,
        into: &mut Aggregator,
        log: &mut SegmentLog,
    ) -> Opened {
        // The cause of the failed open is logged; it is more precise than this one.
        if self.is_bad && !self.is_open() {
            return Opened::Yes;
        }
        let Some(key) = self.order_key(id) else { return Opened::Yes };
        let Some(reader) = &mut self.reader else { return Opened::Yes };
        // Before the lanes are read: if the owner has ended, all its writes are visible.
        let looked = match reader.source().get() {
            Ok(file) => {
                self.lives = lock::is_owner_alive(file);
                self.bytes = directory::read_bytes(file);
                self.lanes.poll(reader, self.lives)
            }
            Err(error) => Err(error.into()),
        };
        match looked {
            // A file that still has its name counts.
            Ok(_)
                if reader.is_superseded
                    && metrics_path
                        .standing_segment(id)
                        .is_ok_and(|standing| standing != reader.source().identity()) =>
            {
                return Opened::Gone;
            }
            Ok(delta) => {
                into.apply_delta(key, reader.header.epoch, self.lives, delta);
                self.was_good = true;
                if std::mem::take(&mut self.is_bad) {
                    self.error_log.reset();
                }
            }
            Err(bad) => self.log_once(metrics_path, id, &bad, log),
        }
        Opened::Yes
    }

    /// Adds the epoch and the anchors of the segment's clock.
    pub(crate) fn add_clock(&self, clocks: &mut Clocks) {
        if let Some(reader) = &self.reader {
            reader.header.add_clock(clocks);
        }
    }

    /// Returns the series of the segment; none if it is not open or cannot be read.
    pub(crate) fn listed(&mut self) -> Option<Vec<Arc<SeriesInfo>>> {
        listed::series(self.reader.as_mut()?).ok()
    }

    /// Makes the next poll read a lane completely.
    pub(crate) fn invalidate(&mut self, lane: LineIndex) {
        self.lanes.invalidate(lane);
    }

    /// Returns whether the owner lives now.
    pub(crate) fn is_owner_alive(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| reader.source().get().is_ok_and(lock::is_owner_alive))
    }

    /// Counts the segment and its disk space.
    pub(crate) fn count_health(&self, health: &mut Health) {
        let state = match (self.is_bad, self.lives) {
            (true, _) => &mut health.bad_segments,
            (false, true) => &mut health.live_segments,
            (false, false) => &mut health.dead_segments,
        };
        *state += 1;
        health.bytes += self.bytes;
    }

    /// Returns whether the segment can be folded into the totals.
    pub(crate) fn can_retire(&self) -> bool {
        self.was_good && !self.is_bad && !self.lives
    }

    /// Logs an error, but not twice in a row.
    fn log_once(&mut self, metrics_path: &MetricsPath, id: u64, bad: &SegmentError, log: &mut SegmentLog) {
        self.is_bad = true;
        if self.error_log.is_new(&bad.to_string()) {
            log.log_skipped(metrics_path, id, bad);
        }
    }
}

/// Returns whether descriptors, or memory for them, are exhausted. The file itself may be good.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
}
