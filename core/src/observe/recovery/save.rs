//! The last attempt to write records to the directory, when a recorder or the process ends.

use std::{
    io,
    sync::{PoisonError, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::file_check::is_removed;
use crate::{
    directory::access::MetricsPath, observe::recorder::Recorder, segment::copy::SegmentCopy, sys::fork,
};

/// Maximum time that the last attempt to write waits for the recovery thread.
const SAVE_TIMEOUT: Duration = Duration::from_secs(1);

impl Recorder {
    /// Writes the records that are in no file, at the end of a recorder or of the process, while
    /// threads may still record.
    pub(crate) fn save(&self) {
        let Some(place) = self.place().filter(|_| self.is_degraded()) else { return };
        // A short program may end before the recovery thread has begun.
        self.log_cause();
        let saved = match self.recovery.turn.acquire_within(SAVE_TIMEOUT) {
            Some(_turn) => self.save_in(place),
            None => Err(io::ErrorKind::TimedOut.into()),
        };
        if let Err(error) = saved {
            log::error!("observations cannot be written to {}: {error}", place.path().display());
        }
    }

    fn save_in(&self, place: &MetricsPath) -> io::Result<()> {
        let is_noticed = self.recovery.thread.load(Relaxed) == u64::from(fork::generation()) + 1;
        let directory = match place.open()? {
            Some(directory) => directory,
            None if is_noticed => place.create_or_open()?,
            // The directory was removed after the last series was created: do not create an unused
            // directory again.
            None => return Ok(()),
        };
        for segment in self.unshared_segment() {
            if segment.is_file_backed() && !is_removed(place, &segment) {
                continue;
            }
            // Keep the file open: this process, which continues for a moment, owns the copy.
            self.recovery.begin_to_leave(&segment);
            let leaving = self.recovery.leaving.load_full();
            let Some(leaving) = leaving.iter().find(|one| one.segment.id == segment.id) else { continue };
            let mut state = leaving.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((copy, _)) = &mut state.copy
                && !copy.hold(&directory, segment.id)?
            {
                // Other processes have its content.
                continue;
            }
            match &state.copy {
                Some((copy, _)) if copy.is_in(&directory, segment.id) => _ = copy.refresh(&segment)?,
                _ => state.copy = Some((SegmentCopy::create(&directory, &segment)?, Instant::now())),
            }
        }
        Ok(())
    }
}
