//! The totals that a reader has read: their file, and the parts that the reader keeps of it.
//!
//! The aggregate holds the numbers of each series, and in its window those observations that belong
//! there. All other observations of the totals are in the file only. If newer ones leave a window,
//! they are read from the open file again. A retirement replaces the file, and does not change it.

use std::{fs::File, io, io::Seek as _, sync::Arc};

use super::{segment_file::is_exhausted, totals::Totals, totals_file::TotalsFile};
use crate::{
    clock::epoch_clocks::Clocks,
    directory::{self, Directory, FileIdentity, checked_file::CheckedFile},
    format::error::SegmentError,
};

/// The totals of a reader.
#[derive(Debug, Default)]
pub(crate) struct ReadTotals {
    /// The totals file that was opened last.
    opened: Option<Arc<CheckedFile>>,
    /// The identity of the totals file when it was last opened.
    identity: FileIdentity,
    /// The file of the last totals that could be read.
    good: Option<Arc<CheckedFile>>,
    /// The generation of the last totals that could be read.
    generation: u64,
    /// The ids of the segments that they contain.
    pub(crate) folded: Vec<u64>,
    /// The clocks that stamped their observations.
    pub(crate) clocks: Clocks,
    /// The totals, until they are merged.
    unmerged: Option<Totals>,
}

impl ReadTotals {
    /// Reads the totals file if it is not the one that was opened last. Returns the error of a file
    /// that is refused; the last good totals then stay.
    pub(crate) fn poll(&mut self, directory: &Directory) -> io::Result<Result<(), SegmentError>> {
        let standing = directory.totals_identity()?;
        if self.opened.as_ref().is_some_and(|file| file.is_open()) && standing == self.identity {
            return Ok(Ok(()));
        }
        // Also set for a file that cannot be opened, so that its segments and the last good totals
        // count as of one moment. Each snapshot tries to open the file again.
        self.identity = standing;
        self.opened = None;
        match self.open(directory) {
            Err(SegmentError::Io(error)) if is_exhausted(&error) => {
                self.reopen();
                Err(error)
            }
            outcome => Ok(outcome),
        }
    }

    fn open(&mut self, directory: &Directory) -> Result<(), SegmentError> {
        let Some(mut file) = directory.open_totals()? else {
            self.reopen();
            return Ok(());
        };
        self.identity = directory::file_identity(&file)?;
        let read = TotalsFile::read(&mut file);
        let file = Arc::new(CheckedFile::new(file)?);
        self.opened = Some(Arc::clone(&file));
        let TotalsFile { generation, folded, totals, .. } = read?;
        (self.generation, self.folded, self.clocks) = (generation, folded, totals.clocks.clone());
        (self.good, self.unmerged) = (Some(file), Some(totals));
        Ok(())
    }

    /// Returns whether the totals file has that identity, when it is the one that was opened last.
    pub(crate) fn is(&self, standing: FileIdentity) -> bool {
        self.identity == standing
    }

    /// Makes the next poll open the file, if there is one.
    pub(crate) fn reopen(&mut self) {
        self.identity = FileIdentity::default();
    }

    /// Closes the files. The next poll opens the totals file.
    pub(crate) fn close(&mut self) {
        (self.opened, self.good) = (None, None);
    }

    /// Returns the disk space of the open totals file.
    pub(crate) fn bytes(&self) -> u64 {
        self.opened.as_ref().and_then(|file| file.get().ok()).map_or(0, directory::read_bytes)
    }

    /// Returns the totals, if they are not merged yet.
    pub(crate) fn take_unmerged(&mut self) -> Option<Totals> {
        self.unmerged.take()
    }

    /// Reads the merged totals once more; none if no file of them is left.
    ///
    /// # Errors
    ///
    /// If the file cannot be read any more. The next poll reads the totals file instead.
    pub(crate) fn reread(&mut self) -> Result<Option<Totals>, SegmentError> {
        if self.unmerged.is_some() {
            // The file contains segments that are merged separately.
            return Ok(None);
        }
        let Some(good) = &self.good else { return Ok(None) };
        let read = good.get().and_then(|file| {
            let mut file = File::from(file.try_clone_to_owned()?);
            file.rewind()?;
            Ok(file)
        });
        let read = read.map_err(SegmentError::from).and_then(|mut file| TotalsFile::read(&mut file));
        match read {
            Ok(file) if file.generation == self.generation => Ok(Some(file.totals)),
            Ok(_) => Err(self.refuse(SegmentError::Corrupt("totals of another generation"))),
            Err(bad) => Err(self.refuse(bad)),
        }
    }

    fn refuse(&mut self, bad: SegmentError) -> SegmentError {
        self.close();
        bad
    }
}

#[cfg(test)]
mod tests {
    use crate::{FamilyOptions, Reader, Registry, snapshot::Value};

    /// The values of the window that a reader shows.
    fn window(reader: &mut Reader) -> Vec<f64> {
        let snapshot = reader.snapshot().unwrap();
        match snapshot.get("seconds", &[]) {
            Some(Value::Timer(timing)) => timing.window.observations().iter().map(|one| one.value).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// The observations of the totals that left a window are not in memory any more.
    #[test]
    fn observations_of_the_totals_return_to_a_window_when_newer_ones_are_removed() {
        for change in ["nothing", "damage", "close", "damage and close"] {
            let parent = tempfile::tempdir().unwrap();
            let open = || Registry::open_with(parent.path(), FamilyOptions::default().window(8)).unwrap();
            let record = |registry: &Registry, values: std::ops::Range<u32>| {
                let timer = registry.timer("seconds", "", &[]).unwrap().labels(&[]).unwrap();
                values.for_each(|value| timer.observe(f64::from(value)));
            };
            record(&open(), 0..10);
            let mut retiring = Reader::new(parent.path());
            while retiring.snapshot().unwrap().health.dead_segments > 0 {}
            let mut reader = Reader::new(parent.path()).without_retiring();
            assert_eq!(window(&mut reader), [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
            let registry = open();
            record(&registry, 10..16);
            assert_eq!(window(&mut reader), [8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0]);
            if change.contains("damage") {
                let path = parent.path().join("ictus/totals");
                std::fs::remove_file(&path).unwrap();
                std::fs::write(&path, "damaged").unwrap();
                assert_eq!(window(&mut reader).len(), 8);
            }
            if change.contains("close") {
                reader.totals.close();
            }
            // The segment is removed without being folded.
            drop(registry);
            let segments = std::fs::read_dir(parent.path().join("ictus")).unwrap();
            let mut segments = segments.map(|entry| entry.unwrap().path());
            let segment = segments.find(|path| path.extension().is_some_and(|name| name == "seg")).unwrap();
            std::fs::remove_file(segment).unwrap();
            let expected: &[f64] = match change {
                // No file of them is left: only those that were in the window.
                "damage and close" => &[8.0, 9.0],
                _ => &[2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
            };
            assert_eq!(window(&mut reader), expected, "{change}");
            assert_eq!(window(&mut reader), expected, "{change}, later");
        }
    }
}
