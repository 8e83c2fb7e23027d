//! Clearing and repairing: removes data of ended processes from a metrics directory.
//!
//! [`clear`] removes all of it, for a start without earlier totals. [`repair`] removes only files
//! that cannot be read. Data of living processes stays.

use std::{io, path::Path};

use super::{cursor::SegmentCursor, segment_reader::SegmentReader, totals::Totals, totals_file::TotalsFile};
use crate::{
    directory::{Directory, access::MetricsPath, lock::CHANGE_TIMEOUT},
    error::{Error, Result},
    format::error::SegmentError,
};

/// Removes the data of ended processes from a metrics directory: their segments, even unreadable
/// ones, and the totals. Returns the number of segments removed.
///
/// Totals that readers show decrease accordingly, as if all processes had just been started. Data
/// that living processes recorded stays.
///
/// Waits for the directory's lock for up to five seconds. If the directory does not exist, there is
/// nothing to remove.
///
/// ```
/// # let directory = tempfile::tempdir().unwrap();
/// let registry = ictus::Registry::open(directory.path())?;
/// registry.counter("jobs", "Jobs done.", &[])?.labels(&[])?.inc();
/// assert_eq!(ictus::clear(directory.path())?, 0, "its process lives");
/// drop(registry);
/// assert_eq!(ictus::clear(directory.path())?, 1);
/// assert_eq!(ictus::Reader::new(directory.path()).snapshot()?.families, []);
/// # Ok::<(), ictus::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Io`] if the directory cannot be opened, if a file in it cannot be removed, or if
/// another process holds its lock. Files that were removed before the error stay removed.
pub fn clear(directory: impl AsRef<Path>) -> Result<usize> {
    let metrics_path = MetricsPath::resolve(directory.as_ref())?;
    let cleared =
        metrics_path.open().and_then(|opened| opened.map_or(Ok(0), |opened| clear_directory(&opened)));
    cleared.map_err(|source| Error::io(metrics_path.path(), "clear the metrics directory", source))
}

/// Removes the unreadable files of ended processes from a metrics directory, and nothing else.
/// Returns the number of files removed.
///
/// These are segments that were set aside because some of their lanes are damaged, and segments
/// that are damaged as a whole. Segments of a newer format version stay.
///
/// ```
/// # let directory = tempfile::tempdir().unwrap();
/// ictus::Registry::open(directory.path())?.counter("jobs", "", &[])?.labels(&[])?.inc();
/// assert_eq!(ictus::repair(directory.path())?, 0, "nothing is damaged");
/// std::fs::write(directory.path().join("ictus/00000000000000aa.seg"), "damaged")?;
/// assert_eq!(ictus::repair(directory.path())?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::Io`] if the directory cannot be opened, if a file in it cannot be removed, or if another
/// process holds its lock.
pub fn repair(directory: impl AsRef<Path>) -> Result<usize> {
    let metrics_path = MetricsPath::resolve(directory.as_ref())?;
    let repaired =
        metrics_path.open().and_then(|opened| opened.map_or(Ok(0), |opened| repair_opened(&opened)));
    repaired.map_err(|source| Error::io(metrics_path.path(), "repair the metrics directory", source))
}

fn repair_opened(directory: &Directory) -> io::Result<usize> {
    let _lock = directory.lock_within(CHANGE_TIMEOUT)?;
    let (segments, set_aside) = directory.segments_and_set_aside()?;
    set_aside.iter().try_for_each(|&id| directory.remove_set_aside(id))?;
    let mut removed = set_aside.len();
    for id in segments {
        let Ok(Some(_lock)) = directory.lock_segment(id) else { continue };
        if is_damaged(directory, id) {
            directory.remove_segment(id)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Returns whether a segment can never be read. A segment that may be readable later stays.
fn is_damaged(directory: &Directory, id: u64) -> bool {
    let Ok(file) = directory.open_segment(id) else { return false };
    let read = SegmentReader::open(file, id)
        .and_then(|mut reader| SegmentCursor::default().read(&mut reader, false));
    match read {
        Ok(_) | Err(SegmentError::UnsupportedVersion(_) | SegmentError::WriterTooFast) => false,
        Err(SegmentError::InvalidHeader(_) | SegmentError::Corrupt(_) | SegmentError::OverBudget) => true,
        Err(SegmentError::Io(error)) => error.kind() == io::ErrorKind::UnexpectedEof,
    }
}

/// Clears the directory in the same steps as a retirement, but with empty totals. If the process is
/// killed at any step, readers see all of the old data or none of it.
fn clear_directory(directory: &Directory) -> io::Result<usize> {
    let _lock = directory.lock_within(CHANGE_TIMEOUT)?;
    directory.remove_stale_temp_files()?;
    let mut dead = Vec::new();
    for id in directory.segments()? {
        if let Ok(Some(lock)) = directory.lock_segment(id) {
            dead.push((id, lock));
        }
    }
    let aside = directory.set_aside()?;
    aside.iter().try_for_each(|&id| directory.remove_set_aside(id))?;
    let previous = match directory.open_totals()? {
        Some(mut opened) => TotalsFile::read(&mut opened).unwrap_or_default(),
        None if dead.is_empty() => return Ok(0),
        None => TotalsFile::default(),
    };
    // The totals file is replaced, not removed: a reader that finds no totals file keeps the last
    // good totals.
    let cleared = TotalsFile {
        generation: previous.generation.wrapping_add(1),
        folded: dead.iter().map(|(id, _)| *id).collect(),
        aside: Vec::new(),
        totals: Totals::default(),
    };
    cleared.replace_in(directory).map_err(|bad| match bad {
        SegmentError::Io(error) => error,
        bad => io::Error::other(bad.to_string()),
    })?;
    for (id, _) in &dead {
        directory.remove_segment(*id)?;
    }
    Ok(dead.len())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::process::ExitStatusExt, path::Path, process::Command};

    use super::clear;
    use crate::{Reader, Registry, failpoint::VARIABLE, snapshot::Value};

    const DIRECTORY: &str = "ICTUS_TEST_CLEARED_DIRECTORY";

    fn count_a_job(directory: &Path) -> Registry {
        let registry = Registry::open(directory).unwrap();
        registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
        registry
    }

    fn jobs(directory: &Path) -> Option<f64> {
        let snapshot = Reader::new(directory).without_retiring().snapshot().unwrap();
        match snapshot.family("jobs")?.get(&[])? {
            Value::Counter(total) => Some(*total),
            other => panic!("{other:?}"),
        }
    }

    /// Clears until `expected` segments are removed. Child processes of other tests have a copy of
    /// each lock for a moment.
    fn clear_all(directory: &Path, expected: usize) {
        let mut removed = 0;
        for _ in 0..1000 {
            removed += clear(directory).unwrap();
            if removed >= expected {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(removed, expected);
    }

    #[test]
    fn clear_removes_ended_segments_and_keeps_live_ones() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path();
        drop(count_a_job(path));
        let totals = path.join("ictus/totals");
        (0..1000).take_while(|_| !totals.exists()).for_each(|_| drop(Reader::new(path).snapshot()));
        assert!(totals.exists());
        drop(count_a_job(path));
        let living = count_a_job(path);
        fs::write(path.join("ictus/00000000000000aa.seg"), b"not a segment").unwrap();
        assert_eq!(jobs(path), Some(3.0));
        clear_all(path, 2);
        assert_eq!(jobs(path), Some(1.0));
        let again = count_a_job(path);
        assert_eq!(jobs(path), Some(2.0));
        drop((living, again));
    }

    #[test]
    fn reader_drops_cleared_series() {
        let parent = tempfile::tempdir().unwrap();
        drop(count_a_job(parent.path()));
        let mut reader = Reader::new(parent.path());
        assert_eq!(reader.snapshot().unwrap().families.len(), 1);
        reader.snapshot().unwrap();
        for _ in 0..1000 {
            clear(parent.path()).unwrap();
            if reader.snapshot().unwrap().families.is_empty() {
                return;
            }
        }
        panic!("{:?}", reader.snapshot().unwrap().families);
    }

    /// Runs only as a separate process, which the test below starts and a failpoint kills.
    #[test]
    fn child() {
        if let Some(directory) = std::env::var_os(DIRECTORY) {
            clear(directory).unwrap();
        }
    }

    #[test]
    fn kill_during_a_clear_leaves_all_or_nothing() {
        for (point, left) in [
            ("totals/written", Some(2.0)),
            ("totals/synced", Some(2.0)),
            ("totals/renamed", None),
            ("totals/directory synced", None),
        ] {
            let parent = tempfile::tempdir().unwrap();
            let path = parent.path();
            (0..2).for_each(|_| drop(count_a_job(path)));
            assert_eq!(jobs(path), Some(2.0));
            // Other tests may have a copy of a lock for a moment: then the segment's owner seems to
            // live.
            let killed = (0..1000).any(|_| {
                let child = Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "reader::clear::tests::child", "--test-threads=1"])
                    .env(DIRECTORY, path)
                    .env(VARIABLE, point)
                    .output()
                    .unwrap();
                child.status.signal() == Some(9) && jobs(path) == left
            });
            assert!(killed, "{point}");
            assert_eq!(jobs(path), left, "{point}");
            for _ in 0..1000 {
                clear(path).unwrap();
                if jobs(path).is_none() {
                    break;
                }
            }
            assert_eq!(jobs(path), None, "{point}: after the next time");
        }
    }

    #[test]
    fn missing_directory_is_clear() {
        let parent = tempfile::tempdir().unwrap();
        assert_eq!(clear(parent.path()).unwrap(), 0);
        assert!(fs::read_dir(parent.path()).unwrap().next().is_none());
    }
}
