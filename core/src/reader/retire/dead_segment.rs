//! The segments of ended processes, as a retirement reads them.

use crate::{
    directory::Directory,
    format::error::SegmentError,
    reader::{cursor::SegmentCursor, segment_reader::SegmentReader, totals::Totals},
    sys::{self, own_descriptor::OwnDescriptor},
};

/// Reads the segments whose owners have ended, and returns them oldest first. Each stays locked
/// until it is dropped.
pub(super) fn read_dead(directory: &Directory, ids: &[u64]) -> Vec<DeadSegment> {
    let mut dead = Vec::new();
    let max_at_once = sys::descriptor_share();
    for &id in ids {
        // Each segment occupies a descriptor until the totals are written. The next retirement
        // folds the rest.
        if dead.len() >= max_at_once {
            break;
        }
        let Ok(Some(lock)) = directory.lock_segment(id) else { continue };
        match read(directory, id, lock) {
            Ok(segment) => dead.push(segment),
            // The segment stays as it is. Readers of the directory log the error.
            Err(bad) => {
                log::debug!("{} is not retired: {bad}", directory.metrics_path().segment_path(id).display())
            }
        }
    }
    // The order in which readers merge segments.
    dead.sort_by_key(|dead| (dead.created, dead.id));
    dead
}

/// A segment of an ended process that was read. Its lock is held until this is dropped.
pub(super) struct DeadSegment {
    pub(super) id: u64,
    created: u64,
    pub(super) totals: Totals,
    _lock: OwnDescriptor,
}

impl DeadSegment {
    /// Returns whether some of its lanes could not be read. Such a segment is set aside, not
    /// removed.
    pub(super) fn is_unreadable(&self) -> bool {
        self.totals.unread_lanes > 0
    }
}

fn read(directory: &Directory, id: u64, lock: OwnDescriptor) -> Result<DeadSegment, SegmentError> {
    let mut reader = SegmentReader::open(directory.open_segment(id)?, id)?;
    let totals = SegmentCursor::default().read(&mut reader, false)?;
    Ok(DeadSegment { id, created: reader.header.created, totals, _lock: lock })
}
