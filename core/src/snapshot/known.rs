//! What a reader knows of one segment's file from one reading to the next.

use std::sync::Arc;

use super::{
    Health,
    merged::{Key, Merged},
    segment_log::SegmentLog,
};
use crate::segment::{
    checked_file::CheckedFile,
    clocks::Clocks,
    directory::{self, Directory},
    lock,
    place::Place,
    reader::{Bad, Described, SegmentReader},
    reading::{Lanes, listed},
};

/// A segment's file.
#[derive(Debug, Default)]
pub(super) struct Known {
    reader: Option<SegmentReader<CheckedFile>>,
    lives: bool,
    lanes: Lanes,
    /// Whether it could ever be read: then what it said last stays merged.
    was_good: bool,
    /// Why it could not be read the last time.
    bad: Option<String>,
}

impl Known {
    /// Opens it where that has not been done, and again where the host has closed its descriptor.
    pub(super) fn open(&mut self, directory: &Directory, id: u64, log: &mut SegmentLog) {
        if self.reader.as_ref().is_some_and(|reader| reader.source().is_open()) {
            return;
        }
        if let Some(reader) = &mut self.reader {
            reader.source_mut().forget();
        }
        let file = directory.open_segment(id).and_then(CheckedFile::new);
        if let (Some(reader), Ok(file)) = (&mut self.reader, &file)
            && file.standing() != reader.source().standing()
        {
            // Another file under its name: what was read of this one stays as it is.
            return;
        }
        if let Some(reader) = &mut self.reader {
            match file {
                Ok(file) => *reader.source_mut() = file,
                Err(error) => self.complain(directory.place(), id, &error.into(), log),
            }
            return;
        }
        match file.map_err(Bad::from).and_then(|file| SegmentReader::open(file, id)) {
            Ok(reader) => self.reader = Some(reader),
            // Retired since it was listed: whoever did so replaced the totals, which is seen.
            Err(Bad::Source(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(bad) => self.complain(directory.place(), id, &bad, log),
        }
    }

    /// Where it stands among the others; none where it could not be opened.
    pub(super) fn key(&self, id: u64) -> Option<Key> {
        self.reader.as_ref().map(|reader| Key { in_memory: false, created: reader.created, id })
    }

    /// Merges what it says now. Where it cannot be read, it stays as it was when it was last good.
    pub(super) fn read(&mut self, place: &Place, id: u64, into: &mut Merged, log: &mut SegmentLog) {
        let Some(key) = self.key(id) else { return };
        let Some(reader) = &mut self.reader else { return };
        // Before its lanes: what a dead owner wrote is all there.
        let looked = match reader.source().get() {
            Ok(file) => {
                self.lives = lock::owner_lives(file);
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
    pub(super) fn add_clock(&self, clocks: &mut Clocks) {
        if let Some(reader) = &self.reader {
            reader.add_clock(clocks);
        }
    }

    /// The series that it has; none where it is not open or cannot be read.
    pub(super) fn listed(&mut self) -> Option<Vec<Arc<Described>>> {
        listed::series(self.reader.as_mut()?).ok()
    }

    /// Has a lane read again at the next look.
    pub(super) fn forget(&mut self, lane: u64) {
        self.lanes.forget(lane);
    }

    /// Whether its owner lives now.
    pub(super) fn owner_lives(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| reader.source().get().is_ok_and(lock::owner_lives))
    }

    /// Counts it.
    pub(super) fn count(&self, health: &mut Health) {
        let state = match (&self.bad, self.lives) {
            (Some(_), _) => &mut health.bad_segments,
            (None, true) => &mut health.live_segments,
            (None, false) => &mut health.dead_segments,
        };
        *state += 1;
        health.bytes +=
            self.reader.as_ref().map_or(0, |reader| reader.source().get().map_or(0, directory::bytes));
    }

    /// Whether it can be folded into the totals.
    pub(super) fn is_to_be_retired(&self) -> bool {
        self.was_good && self.bad.is_none() && !self.lives
    }

    /// Logs a cause once in a row.
    fn complain(&mut self, place: &Place, id: u64, bad: &Bad, log: &mut SegmentLog) {
        let reason = bad.to_string();
        if self.bad.as_ref() != Some(&reason) {
            log.left_out(place, id, bad);
            self.bad = Some(reason);
        }
    }
}
