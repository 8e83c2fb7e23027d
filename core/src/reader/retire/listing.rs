//! The series of segments, by which a retirement decides which of them are in overflow series.

use std::sync::Arc;

use super::dead_segment::DeadSegment;
use crate::{
    directory::Directory,
    format::error::SegmentError,
    reader::{
        cursor::listed,
        placement::Placement,
        segment_file::is_exhausted,
        segment_reader::{SegmentReader, SeriesInfo},
        totals::Totals,
    },
};

/// Returns the series of a segment that the caller has open; none for any other segment.
pub(crate) type Listing<'a> = &'a mut dyn FnMut(u64) -> Option<Vec<Arc<SeriesInfo>>>;

/// Decides where the series of ended processes are shown, given those of the others.
pub(super) fn decide(
    directory: &Directory,
    totals: &Totals,
    dead: &[DeadSegment],
    ids: &[u64],
    listing: Listing<'_>,
) -> Result<Placement, SegmentError> {
    if dead.is_empty() {
        return Ok(Placement::default());
    }
    let is_dead = |id: u64| dead.iter().any(|dead| dead.id == id);
    let living: Vec<u64> = ids.iter().copied().filter(|&id| !is_dead(id)).collect();
    let others = list(directory, &living, listing)?;
    let dead: Vec<(u64, &Totals)> = dead.iter().map(|dead| (dead.id, &dead.totals)).collect();
    Ok(Placement::decide(totals, &dead, &others))
}

/// The series of a segment, by its id.
type SegmentSeries = (u64, Vec<Arc<SeriesInfo>>);

/// Returns the series of the segments that can be read. Fails if there are no descriptors to read one
/// now: a placement that ignores its series would be wrong.
pub(super) fn list(
    directory: &Directory,
    ids: &[u64],
    listing: Listing<'_>,
) -> Result<Vec<SegmentSeries>, SegmentError> {
    let mut all = Vec::new();
    for &id in ids {
        let listed = listing(id).map_or_else(|| list_segment(directory, id), |series| Ok(Some(series)))?;
        all.extend(listed.map(|series| (id, series)));
    }
    Ok(all)
}

/// Returns the series of a segment; none if it was removed, or is one that readers leave out.
fn list_segment(directory: &Directory, id: u64) -> Result<Option<Vec<Arc<SeriesInfo>>>, SegmentError> {
    let read = || listed::series(&mut SegmentReader::open(directory.open_segment(id)?, id)?);
    match read() {
        Ok(series) => Ok(Some(series)),
        Err(SegmentError::Io(error)) if is_exhausted(&error) => Err(error.into()),
        Err(_) => Ok(None),
    }
}
