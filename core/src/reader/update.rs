//! Changes of the directory after a snapshot: a reader retires segments, and drops expired series.

use std::{io, time::Instant};

use super::{
    RETRY_DELAY, Reader,
    expiry::ExpiredSeries,
    retire::{retire, try_forget, try_note_overflowed},
    segment_file::SegmentFile,
    totals::{SeriesTotal, Totals},
};
#[cfg(feature = "record")]
use crate::directory::access::MetricsPath;
use crate::{directory::Directory, format::error::SegmentError};

impl Reader {
    /// Retires the segments of ended processes, and drops expired series from the totals.
    pub(super) fn update(&mut self, directory: &Directory) {
        let has_retired = self.retire_dead(directory);
        self.note_overflowed(directory);
        self.forget_expired(directory, has_retired);
    }

    /// Retires the segments of ended processes. Returns whether there was one.
    fn retire_dead(&mut self, directory: &Directory) -> bool {
        let is_early = self.retry_retirement_at.is_some_and(|at| Instant::now() < at);
        if !self.may_retire || is_early || !self.segments.values().any(SegmentFile::can_retire) {
            return false;
        }
        let segments = &mut self.segments;
        let retired = retire(directory, &mut |id| segments.get_mut(&id)?.listed());
        self.retry_retirement_at = retired.is_err().then(|| Instant::now() + RETRY_DELAY);
        let has_retired = matches!(retired, Ok(1..));
        match retired {
            Ok(_) => {}
            Err(SegmentError::Io(error)) if is_access_denied(&error) => {
                log::debug!("this reader may not write and leaves retirement to others: {error}");
                self.may_retire = false;
            }
            Err(bad) => self.log_once(&format!(
                "segments of ended processes in {} cannot be added to the totals: {bad}",
                directory.metrics_path().path().display()
            )),
        }
        has_retired
    }

    /// Records in the totals file which contributions are in the overflow series of families with
    /// expired series. If that is not possible now, those series expire later.
    fn note_overflowed(&mut self, directory: &Directory) {
        let (merged, may_write) = (&self.merged, self.may_retire);
        self.expired.iter_mut().for_each(|expired| expired.over = merged.overflowed(expired.number));
        self.expired.retain(|ExpiredSeries { family, over, .. }| {
            over.is_empty()
                || may_write
                    && match try_note_overflowed(directory, over) {
                        Ok(is_noted) => is_noted,
                        Err(bad) => {
                            log::debug!("series of {} do not expire now: {bad}", family.name);
                            false
                        }
                    }
        });
    }

    /// Drops expired series from the totals. `has_retired` is true if the totals have more series
    /// than this reader has read: these must not stay longer than the part of this process.
    fn forget_expired(&mut self, directory: &Directory, has_retired: bool) {
        let kept = |expired: &ExpiredSeries| self.merged.is_in_totals(expired.number, &expired.series);
        if !self.may_retire || !self.expired.iter().any(|expired| has_retired || kept(expired)) {
            return;
        }
        let (merged, segments) = (&self.merged, &mut self.segments);
        let ids = merged.segment_ids();
        for ExpiredSeries { family, series, number, .. } in &self.expired {
            let drop = |totals: &mut Totals, is_separate: &dyn Fn(u64) -> bool| {
                let is_folded = |rank| ids.get(&rank).is_some_and(|&id| !is_separate(id));
                // A process may have recorded in the series after this reader read it, and ended. If
                // so, the series stays until a snapshot has shown it.
                let is_known = |values: &[String], total: &SeriesTotal| {
                    merged.part(*number, values, is_folded) == Some((total.count, total.sum))
                };
                totals.remove_series(family, &|values, total| {
                    series.contains(values) && is_known(values, total)
                })
            };
            let listing: &mut dyn FnMut(u64) -> _ = &mut |id| segments.get_mut(&id)?.listed();
            match try_forget(directory, listing, &drop) {
                Ok(_) => {}
                Err(SegmentError::Io(error)) if is_access_denied(&error) => self.may_retire = false,
                Err(bad) => log::debug!("expired series of {} stay in the totals: {bad}", family.name),
            }
        }
    }

    /// Drops the series that expired at the last snapshot from the totals, to which a copy of a
    /// segment may have brought them again.
    #[cfg(feature = "record")]
    pub(crate) fn forget_again(&mut self) {
        if let Some(Ok(Some(directory))) = self.metrics_path.as_ref().map(MetricsPath::open) {
            self.forget_expired(&directory, true);
        }
    }
}

fn is_access_denied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{FamilyOptions, Reader, Registry, snapshot::Value};

    const IDLE: Duration = Duration::from_millis(30);

    /// Returns the number of observations of the timer that a new reader finds.
    fn count(directory: &std::path::Path) -> Option<u64> {
        // Long, so that nothing expires.
        let snapshot = Reader::new(directory).without_retiring().take_snapshot(Some(u64::MAX)).unwrap().0;
        match snapshot.get("work_seconds", &[]) {
            Some(Value::Timer(timing)) => Some(timing.count),
            None => None,
            other => panic!("{other:?}"),
        }
    }

    /// Between a snapshot, in which the series expires, and the changes of the directory, a process
    /// observes again or not, and ends or not.
    #[test]
    fn observations_of_a_process_that_ends_after_the_snapshot_do_not_expire() {
        for (observes, ends) in [(true, true), (false, true), (true, false), (false, false)] {
            let directory = tempfile::tempdir().unwrap();
            let options = FamilyOptions::default().expire_after(IDLE);
            let open = || Registry::open_with(directory.path(), options.clone()).unwrap();
            let timer =
                |registry: &Registry| registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
            let [ended, living] = [open(), open()];
            timer(&ended).observe(1.0);
            timer(&living).observe(1.0);
            drop(ended);
            // Child processes of other tests may have a copy of the lock for a while.
            let mut reader = Reader::new(directory.path());
            while reader.snapshot().unwrap().health.live_segments != 1 {}
            reader.snapshot().unwrap();
            std::thread::sleep(2 * IDLE);
            let (snapshot, opened) = reader.take_snapshot(None).unwrap();
            assert_eq!(snapshot.families, [], "the series has expired");
            if observes {
                timer(&living).observe(2.0);
            }
            let kept = if ends {
                drop(living);
                None
            } else {
                Some(living)
            };
            reader.update(&opened.unwrap());
            let shown = count(directory.path());
            let is_right = match observes {
                // With the earlier ones of the ended process, unless these could be dropped alone.
                true => matches!(shown, Some(2 | 3)),
                // The living process still has its own.
                false => shown <= Some(1),
            };
            assert!(is_right, "observes: {observes}, ends: {ends}: {shown:?}");
            drop(kept);
        }
    }
}
