//! Periodic writer: the exposition as a file, for node-exporter's textfile collector.
//!
//! The text is written to a temporary file next to the destination, which is then renamed over it. A
//! reader sees the old text or the new one, never a part. The file is not synced: after a power
//! failure, the next write restores it.
//!
//! The content of another user's file is not trusted: such a file is always replaced. Devices, pipes
//! and directories are refused.

use std::{
    ffi::OsString,
    fs::{self, File, Permissions},
    io::{self, Read, Write},
    mem,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{self, Path, PathBuf},
    process,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use ictus::host;
use rustix::{
    fs::{Mode, OFlags, open},
    process::geteuid,
};

use crate::{
    error::{Error, Result},
    error_log::ErrorLog,
    shutdown::ShutdownFlag,
    source::Source,
};

const THREAD: &str = "ictus-file";
/// Collectors of other users read the file.
const MODE: u32 = 0o644;
/// Bounds of the interval. The minimum is shorter than any reader needs, and long enough that a
/// mistaken 0 does not occupy a core.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns whether two expositions are equal, except for the number of snapshots that the reader has
/// taken.
fn has_same_metrics(old: &str, new: &[u8]) -> bool {
    let told = |line: &&str| !line.starts_with("ictus_snapshots_total ");
    std::str::from_utf8(new).is_ok_and(|new| old.lines().filter(told).eq(new.lines().filter(told)))
}

/// Writes the source's exposition to a file. Returns false if the file already has this content.
/// Then only its modification time is updated, from which collectors detect whether the file is
/// still written.
///
/// ```
/// use ictus::Registry;
/// use ictus_exporter::{Source, file::write_once};
///
/// let registry = Registry::new();
/// registry.counter("jobs", "Jobs.", &[])?.labels(&[])?.inc();
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("jobs.prom");
/// assert!(write_once(&Source::from_registry(registry), &file)?);
/// assert!(std::fs::read_to_string(file)?.contains("jobs_total 1.0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// - [`Error::Read`] if the metrics cannot be read.
/// - [`Error::Write`] if the file cannot be written.
/// - [`Error::NotAFile`] if the path is a device, a pipe or a directory, or a link to one.
pub fn write_once(source: &Source, path: impl AsRef<Path>) -> Result<bool> {
    let path = path.as_ref();
    let text = source.text(source.view())?;
    let failed = |source| Error::Write { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            // If its time cannot be updated, the file is replaced.
            if touch(path, &text).is_ok_and(|same| same) {
                return Ok(false);
            }
        }
        // The rename replaces the link, not its target.
        Ok(metadata) if metadata.is_symlink() && is_replaceable(path) => {}
        Ok(_) => return Err(Error::NotAFile { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    replace(path, &text).map_err(failed)?;
    Ok(true)
}

/// Returns whether a symbolic link may be replaced. Links to devices, directories and streams
/// (`/dev/stdout`) must be kept.
fn is_replaceable(link: &Path) -> bool {
    let leads_to_stream = fs::read_link(link).is_ok_and(|target| target.starts_with("/proc"));
    !leads_to_stream && fs::metadata(link).map_or(true, |target| target.is_file())
}

/// Upper bound of the difference in length between two equal expositions.
const MAX_DIFFERENCE: u64 = 64;

/// Updates the modification time of a file that is equal to `text`, and returns whether it is. Files
/// of other users never count as equal: the owner may change the content, and even the type, at any
/// time.
fn touch(path: &Path, text: &[u8]) -> io::Result<bool> {
    // A path that has become a link or a FIFO in the meantime is neither followed nor waited for.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(open(path, flags, Mode::empty())?);
    let data = file.metadata()?;
    let max_len = text.len() as u64 + MAX_DIFFERENCE;
    let is_own = data.is_file() && data.uid() == geteuid().as_raw() && data.mode() & 0o7777 == MODE;
    if !is_own || data.len() > max_len {
        return Ok(false);
    }
    let mut old = String::new();
    (&file).take(max_len).read_to_string(&mut old)?;
    let same = has_same_metrics(&old, text);
    if same {
        file.set_modified(SystemTime::now())?;
    }
    Ok(same)
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    // A path without a directory is relative to the working directory.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The name does not end in `.prom`, so that collectors ignore the temporary file.
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(format!(".{}.", process::id()));
    let builder = &mut tempfile::Builder::new();
    let mut file = builder.prefix(&prefix).suffix(".tmp").tempfile_in(directory).map_err(without_name)?;
    file.as_file_mut().write_all(text)?;
    // Set explicitly: the umask affects the mode at creation.
    file.as_file().set_permissions(Permissions::from_mode(MODE))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Returns the system's error without the random name of the temporary file. With the name, each
/// failure would seem new, and would be logged again.
fn without_name(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((cause, _)) => io::Error::new(error.kind(), cause),
        None => error,
    }
}

/// Writes a file at an interval, until it is stopped.
///
/// ```
/// use std::time::Duration;
///
/// use ictus::Registry;
/// use ictus_exporter::{Source, file::PeriodicWriter};
///
/// let folder = tempfile::tempdir()?;
/// let source = Source::from_registry(Registry::new());
/// let writer = PeriodicWriter::new(source, folder.path().join("jobs.prom"), Duration::from_secs(10));
/// let writing = writer.start()?;
/// // The file is written once more at the end.
/// writing.stop();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PeriodicWriter {
    source: Source,
    path: PathBuf,
    interval: Duration,
    errors: ErrorLog,
}

impl PeriodicWriter {
    /// Creates a writer for the source's exposition. Intervals are limited to the range from 10 ms
    /// to one day.
    #[must_use]
    pub fn new(source: Source, path: impl Into<PathBuf>, interval: Duration) -> PeriodicWriter {
        let interval = interval.clamp(MIN_INTERVAL, MAX_INTERVAL);
        let path = path.into();
        // Resolved once, so that later changes of the working directory have no effect. If this
        // fails, each write reports the cause.
        let path = path::absolute(&path).unwrap_or(path);
        PeriodicWriter { source, path, interval, errors: ErrorLog::default() }
    }

    /// Writes immediately, at every interval, and once more when `stop` is set, on the calling
    /// thread. After a failure, the writer logs each cause once and tries again at the next
    /// interval.
    pub fn run(&self, stop: &ShutdownFlag) {
        let start = Instant::now();
        loop {
            self.write();
            if stop.wait_until(next_tick(start, self.interval, Instant::now())) {
                break;
            }
        }
        // Writes the observations since the previous write, which would be missing from the file
        // otherwise.
        self.write();
    }

    /// Starts the writer on a thread named `ictus-file`.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] if the system cannot create the thread.
    pub fn start(self) -> Result<WriterHandle> {
        let stop = ShutdownFlag::new();
        let thread = thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn({
                let stop = stop.clone();
                move || self.run(&stop)
            })
            .map_err(Error::Start)?;
        let shared = Arc::new(WriterState { stop, thread: Mutex::new(Some(thread)) });
        Ok(WriterHandle { generation: host::generation(), shared })
    }

    fn write(&self) {
        match write_once(&self.source, &self.path) {
            Ok(_) => self.errors.recovered(&format_args!("{} is written again", self.path.display())),
            Err(error) => self.errors.failed(&error),
        }
    }
}

/// A [`PeriodicWriter`] on its own thread; stops when dropped. In a forked child it does nothing:
/// the writer continues in the parent.
///
/// ```
/// use std::time::Duration;
///
/// use ictus_exporter::{Source, file::{PeriodicWriter, WriterHandle}};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("jobs.prom");
/// let source = Source::new(directory.path());
/// let handle: WriterHandle = PeriodicWriter::new(source, &path, Duration::from_secs(10)).start()?;
/// drop(handle);
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the writer stops when this is dropped"]
pub struct WriterHandle {
    generation: u32,
    shared: Arc<WriterState>,
}

#[derive(Debug)]
struct WriterState {
    stop: ShutdownFlag,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl WriterHandle {
    /// Stops the thread, which writes once more, and returns after that. A second call does nothing.
    pub fn stop(&self) {
        if self.generation != host::generation() {
            return;
        }
        self.shared.stop.set();
        let mut thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // The thread itself has reported a panic.
            let _ = thread.join();
        }
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        self.stop();
        if self.generation != host::generation() {
            // Never dropped: the parent's thread may have held its locks at the fork.
            mem::forget(self.shared.clone());
        }
    }
}

/// Returns the next multiple of the interval after `start`. A late write does not shift later ones,
/// and missed writes are skipped.
fn next_tick(start: Instant, interval: Duration, now: Instant) -> Instant {
    let elapsed = now.saturating_duration_since(start);
    let into = elapsed.as_nanos() % interval.as_nanos();
    // Less than the interval, which is at most a day.
    now + (interval - Duration::from_nanos(into as u64))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        time::{Duration, Instant},
    };

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::{MODE, next_tick, touch};

    /// Covers a file that another user replaces after the path was checked.
    #[test]
    fn changed_file_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.prom");
        let text = b"up 1.0\n";
        let make = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(MODE)).unwrap();
        };
        make(text);
        assert!(touch(&path, text).unwrap());
        let start = Instant::now();
        File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(!touch(&path, text).unwrap());
        make(text);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        touch(&link, text).unwrap_err();
        fs::remove_file(&path).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(MODE), 0).unwrap();
        assert!(!touch(&path, text).unwrap());
        assert!(start.elapsed() < Duration::from_secs(5));
        fs::remove_file(&path).unwrap();
        make(text);
        // Only if the tests run as root.
        if std::os::unix::fs::chown(&path, Some(65_534), None).is_ok() {
            assert!(!touch(&path, text).unwrap());
        }
    }

    #[test]
    fn ticks_stay_aligned_with_the_start() {
        let start = Instant::now();
        let interval = Duration::from_millis(100);
        let at = |millis| start + Duration::from_millis(millis);
        for (now, next) in [(0, 100), (1, 100), (99, 100), (100, 200), (250, 300), (1_299, 1_300)] {
            assert_eq!(next_tick(start, interval, at(now)), at(next), "after {now} ms");
        }
    }
}
