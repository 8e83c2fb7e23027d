//! Retirement: folds the segment of an ended process into the totals file, then removes the
//! segment.
//!
//! All steps happen under the directory's lock. Retirement takes the segment's own lock, shared, and
//! writes new totals that contain the segment's id. It syncs them, reads them back, renames them,
//! syncs the directory, and unlinks the segment.
//!
//! If the process is killed at any step, each observation is still counted exactly once. Readers skip
//! segments that the totals name. If such a segment still exists, the next retirement only unlinks it.
//!
//! If the disk is too full for all segments, as many are folded as fit. They add little to the
//! totals where other segments have newer observations, and removing them frees disk space for the
//! rest.

mod dead_segment;
mod listing;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::{overflowed::Overflowed, placement::Placement, totals::Totals, totals_file::TotalsFile};
use crate::{
    directory::{self, Directory, lock::CHANGE_TIMEOUT},
    failpoint,
    format::{descriptor::FamilyDescriptor, error::SegmentError},
    sys,
};
use dead_segment::{DeadSegment, read_dead};
use listing::{Listing, decide, list};

/// Drops series from totals, and returns their number. The second argument returns whether a segment
/// counts in addition to these totals.
pub(crate) type DropSeries<'a> = &'a dyn Fn(&mut Totals, &dyn Fn(u64) -> bool) -> usize;

/// Folds every segment whose owner has ended. Returns the number of segments; 0 if another process
/// holds the directory's lock.
pub(crate) fn retire(directory: &Directory, listing: Listing<'_>) -> Result<usize, SegmentError> {
    let Some(_lock) = directory.try_lock()? else { return Ok(0) };
    add_to_totals(directory, listing, &|_, _| 0).map(|(folded, _)| folded)
}

/// Drops series of a family from the data of ended processes. Returns the number of series.
///
/// Waits for the directory's lock, for a bounded time. Folds the segments of ended processes first,
/// so that one replacement of the totals drops the series.
pub(crate) fn drop_series(
    directory: &Directory,
    family: &FamilyDescriptor,
    gone: &dyn Fn(&[String]) -> bool,
) -> Result<usize, SegmentError> {
    let _lock = directory.lock_within(CHANGE_TIMEOUT)?;
    fold_all(directory, &|totals, _| totals.remove_series(family, &|values, _| gone(values)))
}

/// Retires all segments of ended processes under the directory's lock. Returns the number of series
/// dropped.
fn fold_all(directory: &Directory, drop: DropSeries<'_>) -> Result<usize, SegmentError> {
    let mut all = 0;
    loop {
        let (folded, dropped) = add_to_totals(directory, &mut |_| None, drop)?;
        all += dropped;
        // One pass reads as many segments as it may open; the series may be in the others, too.
        if folded < sys::descriptor_share() {
            return Ok(all);
        }
    }
}

/// Records in the totals file which contributions are in the overflow series of a family, before
/// one of its series is removed. Returns all of them.
///
/// Waits for the directory's lock, for a bounded time. Folds the segments of ended processes first:
/// their parts of the series must get the places that they have before the removal. Otherwise, a
/// part that is shown there because of this process's part would move to the overflow series. Their
/// gauges have ended with them, and must take no place.
pub(crate) fn note_overflowed(
    directory: &Directory,
    family: &FamilyDescriptor,
) -> Result<Overflowed, SegmentError> {
    let _lock = directory.lock_within(CHANGE_TIMEOUT)?;
    // The caller's `drop_series` folds again, and returns the error.
    let _ = fold_all(directory, &|_, _| 0);
    let file = read_totals(directory)?;
    let mut ids = directory.segments()?;
    ids.retain(|id| !file.folded.contains(id));
    let is_recorded =
        file.totals.families.contains_key(&family.name) || file.totals.over.of(family).is_some();
    if ids.len() <= 1 && !is_recorded {
        // A single process has no more series than it allows.
        return Ok(Overflowed::default());
    }
    let segments = list(directory, &ids, &mut |_| None)?;
    let overflowed = Placement::overflowed(&file.totals, &segments, family);
    note(directory, file, &overflowed)?;
    Ok(overflowed)
}

/// Like [`note_overflowed`], for known contributions. Returns false if another process holds the
/// directory's lock.
pub(crate) fn try_note_overflowed(
    directory: &Directory,
    overflowed: &Overflowed,
) -> Result<bool, SegmentError> {
    let Some(_lock) = directory.try_lock()? else { return Ok(false) };
    note(directory, read_totals(directory)?, overflowed).map(|()| true)
}

fn note(directory: &Directory, mut file: TotalsFile, overflowed: &Overflowed) -> Result<(), SegmentError> {
    if !file.totals.over.add(overflowed) {
        return Ok(());
    }
    file.generation = file.generation.wrapping_add(1);
    file.replace_in(directory)
}

/// Like [`drop_series`], but does nothing if another process holds the lock: a scrape never waits.
pub(crate) fn try_forget(
    directory: &Directory,
    listing: Listing<'_>,
    drop: DropSeries<'_>,
) -> Result<usize, SegmentError> {
    let Some(_lock) = directory.try_lock()? else { return Ok(0) };
    add_to_totals(directory, listing, drop).map(|(_, dropped)| dropped)
}

/// Retires under the directory's lock. Returns the number of segments folded and of series dropped.
fn add_to_totals(
    directory: &Directory,
    listing: Listing<'_>,
    drop: DropSeries<'_>,
) -> Result<(usize, usize), SegmentError> {
    failpoint::hit("retire/locked");
    directory.remove_stale_temp_files()?;
    failpoint::hit("retire/cleared unfinished");
    let mut file = read_totals(directory)?;
    let named = file.folded.len();
    // Segments that were folded before, but not removed: the process was killed, or the removal
    // failed.
    file.folded.retain(|&id| directory.take_away(id, file.aside.contains(&id)).is_err());
    file.aside.retain(|id| file.folded.contains(id));
    failpoint::hit("retire/cleared named");
    let mut ids = directory.segments()?;
    ids.retain(|id| !file.folded.contains(id));
    file.totals.over.retain_segments(|id| ids.contains(&id));
    let mut rest = read_dead(directory, &ids);
    let is_same = rest.is_empty() && file.folded.len() == named;
    let placement = decide(directory, &file.totals, &rest, &ids, listing)?;
    let drop_from = |TotalsFile { totals, folded, .. }: &mut TotalsFile| {
        drop(totals, &|id| ids.contains(&id) && !folded.contains(&id))
    };
    let (mut folded, mut dropped) = (0, 0);
    let mut next = Some(file);
    loop {
        let (batch, gone) =
            match add_some_to_totals(directory, next.take(), &rest, &placement, &drop_from, is_same) {
                Ok(done) => done,
                // Removed files may occupy the disk until readers close them. The next retirement folds
                // the rest.
                Err(SegmentError::Io(error)) if folded > 0 && directory::is_full(&error) => break,
                Err(bad) => return Err(bad),
            };
        dropped += gone;
        for dead in rest.drain(batch) {
            if dead.is_unreadable() {
                log::warn!(
                    "{}: {} of its lanes cannot be read; all others are in the totals, and the file is set aside \
                     as {id:016x}.unreadable: `ictus check --repair` removes it",
                    directory.metrics_path().segment_path(dead.id).display(),
                    dead.totals.unread_lanes,
                    id = dead.id,
                );
            }
            if let Err(error) = directory.take_away(dead.id, dead.is_unreadable()) {
                let path = directory.metrics_path().segment_path(dead.id);
                log::warn!("{} is in the totals and cannot be removed: {error}", path.display());
            }
            failpoint::hit("retire/unlinked one");
            folded += 1;
        }
        if rest.is_empty() {
            break;
        }
    }
    failpoint::hit("retire/unlinked all");
    Ok((folded, dropped))
}

/// Writes totals with as many of the segments as the disk can hold. Returns their range and the
/// number of series dropped.
fn add_some_to_totals(
    directory: &Directory,
    read: Option<TotalsFile>,
    rest: &[DeadSegment],
    placement: &Placement,
    drop: &dyn Fn(&mut TotalsFile) -> usize,
    is_same: bool,
) -> Result<(Range<usize>, usize), SegmentError> {
    let mut read = read;
    let mut full = None;
    for batch in batches(rest.len()) {
        let mut file = match read.take() {
            Some(file) => file,
            None => read_totals(directory)?,
        };
        let superseded = match batch.len() == rest.len() {
            true => None,
            false => Some(merged(&file.totals, rest, placement)),
        };
        file.totals = {
            let dead = &rest[batch.clone()];
            file.folded.extend(dead.iter().map(|dead| dead.id));
            file.aside.extend(dead.iter().filter(|dead| dead.is_unreadable()).map(|dead| dead.id));
            add(std::mem::take(&mut file.totals), dead, placement)
        };
        if let Some(all) = superseded {
            file.totals.cut_superseded(&all);
        }
        let dropped = drop(&mut file);
        if is_same && dropped == 0 {
            return Ok((batch, 0));
        }
        file.generation = file.generation.wrapping_add(1);
        failpoint::hit("retire/read");
        match file.replace_in(directory) {
            Ok(()) => return Ok((batch, dropped)),
            Err(SegmentError::Io(error)) if directory::is_full(&error) => full = Some(error),
            Err(bad) => return Err(bad),
        }
    }
    Err(full.map_or(SegmentError::Corrupt("no totals"), SegmentError::Io))
}

/// Returns the ranges of segments to try, in order: all, then repeatedly half as many of the
/// oldest, then each other segment alone.
fn batches(segments: usize) -> Vec<Range<usize>> {
    let halves = std::iter::successors(Some(segments), |&length| (length > 1).then_some(length / 2));
    halves.map(|length| 0..length).chain((1..segments).map(|at| at..at + 1)).collect()
}

fn read_totals(directory: &Directory) -> Result<TotalsFile, SegmentError> {
    match directory.open_totals()? {
        Some(mut opened) => TotalsFile::read(&mut opened),
        None => Ok(TotalsFile::default()),
    }
}

fn merged(totals: &Totals, dead: &[DeadSegment], placement: &Placement) -> Totals {
    add(totals.clone(), dead, placement)
}

fn add(mut totals: Totals, dead: &[DeadSegment], placement: &Placement) -> Totals {
    for dead in dead {
        totals.merge(&dead.totals, |family, labels| placement.place(dead.id, family, labels));
    }
    placement.widen(&mut totals);
    totals.prepare_for_storage();
    totals
}
