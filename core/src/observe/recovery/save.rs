//! The last attempt to write records to the directory, when a recorder or the process ends.

use std::{
    io,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use super::Recovery;
use crate::{
    directory::access::MetricsPath,
    observe::process_segments::{ProcessSegments, is_removed},
    segment::copy::SegmentCopy,
};

/// Maximum time that the last attempt to write waits for the recovery thread.
const SAVE_TIMEOUT: Duration = Duration::from_secs(1);

impl Recovery {
    /// Writes the records that are in no file, at the end of a recorder or of the process, while
    /// threads may still record.
    pub(in crate::observe) fn save(&self, segments: &ProcessSegments) {
        let Some(metrics_path) = segments.metrics_path().filter(|_| self.is_degraded(segments)) else {
            return;
        };
        // A short program may end before the recovery thread has begun.
        segments.recovery_thread.log_cause();
        let saved = match self.turn.acquire_within(SAVE_TIMEOUT) {
            Some(_turn) => self.save_in(segments, metrics_path),
            None => Err(io::ErrorKind::TimedOut.into()),
        };
        if let Err(error) = saved {
            log::error!("observations cannot be written to {}: {error}", metrics_path.path().display());
        }
    }

    fn save_in(&self, segments: &ProcessSegments, metrics_path: &MetricsPath) -> io::Result<()> {
        let is_noticed = segments.recovery_thread.is_running();
        let directory = match metrics_path.open()? {
            Some(directory) => directory,
            None if is_noticed => metrics_path.create_or_open()?,
            // The directory was removed after the last series was created: do not create an unused
            // directory again.
            None => return Ok(()),
        };
        for segment in self.unshared_segments(segments) {
            if segment.is_file_backed() && !is_removed(metrics_path, &segment) {
                continue;
            }
            // Keep the file open: this process, which continues for a moment, owns the copy.
            self.left_segments.begin_to_leave(&segment);
            let leaving = Arc::clone(&self.left_segments.entries());
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
