//! The exposition as a file, by the rules of node-exporter's textfile collector.
//!
//! Written beside its destination and renamed over it, so that a reader sees the old text or the
//! new, never a part. Nothing is synced: after a power cut the next write puts things right.

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
    complaints::ErrorLog,
    error::{Error, Result},
    source::Source,
    stop::ShutdownFlag,
};

const THREAD: &str = "ictus-file";
/// Other users' collectors read the file.
const MODE: u32 = 0o644;
/// Faster than any reader, and slow enough that a mistaken 0 does not eat a core.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether two expositions differ in nothing but how often the reader has read.
fn tells_the_same(old: &str, new: &[u8]) -> bool {
    let told = |line: &&str| !line.starts_with("ictus_snapshots_total ");
    std::str::from_utf8(new).is_ok_and(|new| old.lines().filter(told).eq(new.lines().filter(told)))
}

/// Writes the source's exposition to that path. `Ok(false)` where the file already says the same: then
/// only its modification time is set, by which collectors tell whether anybody still writes.
///
/// # Errors
///
/// [`Error::Read`] where the metrics cannot be read, [`Error::Write`] where the file cannot be
/// written, [`Error::NotAFile`] where the path is a device, a pipe or a directory, or a link to one.
pub fn write_once(source: &Source, path: impl AsRef<Path>) -> Result<bool> {
    let path = path.as_ref();
    let text = source.text(source.view())?;
    let failed = |source| Error::Write { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {
            // Where its time cannot be set, it is written.
            if touch(path, &text).is_ok_and(|same| same) {
                return Ok(false);
            }
        }
        // A rename replaces the link, not what it points to.
        Ok(found) if found.is_symlink() && may_go(path) => {}
        Ok(_) => return Err(Error::NotAFile { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    replace(path, &text).map_err(failed)?;
    Ok(true)
}

/// Whether nobody misses a link: not the names of devices, directories and streams (`/dev/stdout`).
fn may_go(link: &Path) -> bool {
    let leads_to_stream = fs::read_link(link).is_ok_and(|target| target.starts_with("/proc"));
    !leads_to_stream && fs::metadata(link).map_or(true, |target| target.is_file())
}

/// More than two texts that tell the same differ in length.
const MAX_DIFFERENCE: u64 = 64;

/// Sets the time of a file that tells the same as that text; says whether it does. Another user's file never
/// does: its owner may change it at any time, and what it is, too.
fn touch(path: &Path, text: &[u8]) -> io::Result<bool> {
    // What has become a link or a FIFO meanwhile is neither followed nor waited for.
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
    let same = tells_the_same(&old, text);
    if same {
        file.set_modified(SystemTime::now())?;
    }
    Ok(same)
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    // Without a directory the path is relative to the working directory.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // No `.prom` at the end: a collector must not take it for a file of its own.
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(format!(".{}.", process::id()));
    let builder = &mut tempfile::Builder::new();
    let mut file = builder.prefix(&prefix).suffix(".tmp").tempfile_in(directory).map_err(nameless)?;
    file.as_file_mut().write_all(text)?;
    // Set, not asked for at creation, where the umask takes its part.
    file.as_file().set_permissions(Permissions::from_mode(MODE))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The system's error without the temporary file's random name, by which every failure would look
/// like a new one.
fn nameless(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((cause, _)) => io::Error::new(error.kind(), cause),
        None => error,
    }
}

/// Writes a file at an interval, until it is stopped.
#[derive(Debug)]
pub struct PeriodicWriter {
    source: Source,
    path: PathBuf,
    interval: Duration,
    complaints: ErrorLog,
}

impl PeriodicWriter {
    /// A loop that writes the source's exposition to that path. Intervals are held within 10 ms and
    /// one day.
    #[must_use]
    pub fn new(source: Source, path: impl Into<PathBuf>, interval: Duration) -> PeriodicWriter {
        let interval = interval.clamp(MIN_INTERVAL, MAX_INTERVAL);
        let path = path.into();
        // Resolved once: a later change of the working directory moves nothing. Where that fails, each
        // write says why.
        let path = path::absolute(&path).unwrap_or(path);
        PeriodicWriter { source, path, interval, complaints: ErrorLog::default() }
    }

    /// Writes now, at every interval, and a last time when told to stop, on the calling thread. A
    /// write that fails is logged once a cause and tried again at the next interval.
    pub fn run(&self, stop: &ShutdownFlag) {
        let start = Instant::now();
        loop {
            self.write();
            if stop.wait_until(next_tick(start, self.interval, Instant::now())) {
                break;
            }
        }
        // What was recorded since the last write would be missing for good.
        self.write();
    }

    /// Runs on a thread named `ictus-file`.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] where the system gives no thread.
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
            Ok(_) => self.complaints.well(&format_args!("{} is written again", self.path.display())),
            Err(error) => self.complaints.failed(&error),
        }
    }
}

/// A [`PeriodicWriter`] on its own thread; stops when dropped. In a forked child it does nothing: the loop goes on in the
/// parent.
#[derive(Debug)]
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
    /// Writes a last time, and returns when that is done. Does nothing the second time.
    pub fn stop(&self) {
        if self.generation != host::generation() {
            return;
        }
        self.shared.stop.set();
        let mut thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A panic has been reported by the thread itself.
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

/// The next multiple of the interval after `start`: late writes shift nothing, and those that were
/// missed are left out.
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

    /// As where another user puts something else there after the path was looked at.
    #[test]
    fn what_is_not_the_last_text_is_not_read() {
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
        // Where tests run as root.
        if std::os::unix::fs::chown(&path, Some(65_534), None).is_ok() {
            assert!(!touch(&path, text).unwrap());
        }
    }

    #[test]
    fn ticks_stay_on_the_grid_of_the_start() {
        let start = Instant::now();
        let interval = Duration::from_millis(100);
        let at = |millis| start + Duration::from_millis(millis);
        for (now, next) in [(0, 100), (1, 100), (99, 100), (100, 200), (250, 300), (1_299, 1_300)] {
            assert_eq!(next_tick(start, interval, at(now)), at(next), "after {now} ms");
        }
    }
}
