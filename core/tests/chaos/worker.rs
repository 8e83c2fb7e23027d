//! The workers: processes of several threads that report their recorded numbers.

use std::{
    env,
    fs::{self, File, OpenOptions},
    mem,
    os::{fd::IntoRawFd, unix::fs::FileExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    ptr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use ictus::{Family, FamilyOptions, Reader, Registry, Timer};

use super::wall_clock::WallClock;

pub(crate) const THREADS: u64 = 3;
pub(crate) const FAMILY: &str = "work_seconds";
const DIRECTORY: &str = "ICTUS_TEST_DIRECTORY";
const ACKNOWLEDGED: &str = "ICTUS_TEST_ACKNOWLEDGED";
const FORKS: &str = "ICTUS_TEST_FORKS";
/// The limit of the descriptors that a worker closes on a signal.
const OWN_NUMBERS: i32 = 200;
/// The content of a worker's own files.
const OWN: &[u8] = b"the host's own data";
/// The folder of workers' own files, next to the folder of acknowledged numbers.
const OWN_FOLDER: &str = "own";

/// Whether this worker must close its descriptors.
static CLOSES: AtomicBool = AtomicBool::new(false);

/// Runs only in a process that the test started. Each thread observes 1, 2, 3, … in its own series,
/// and writes down each number once its observation has returned.
#[test]
fn worker() {
    let (Some(directory), Some(acknowledged)) = (env::var_os(DIRECTORY), env::var_os(ACKNOWLEDGED)) else {
        return;
    };
    let options = FamilyOptions::default().window(64).max_series(100_000);
    let registry = Registry::open_with(directory, options).unwrap();
    let family = registry.timer(FAMILY, "", &["worker", "thread"]).unwrap();
    let acknowledged = PathBuf::from(acknowledged);
    extern "C" fn close(_: libc::c_int) {
        CLOSES.store(true, Relaxed);
    }
    // SAFETY: the handler stores an atomic.
    unsafe { libc::signal(libc::SIGUSR1, close as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    if env::var_os(FORKS).is_some() {
        // SAFETY: no other thread of this process holds a lock; the child ends by `_exit` or a
        // signal.
        let child = unsafe { libc::fork() };
        if child == 0 {
            record(&family, &acknowledged.with_extension("child"));
        }
    }
    record(&family, &acknowledged);
}

/// Records as long as the parent process is alive.
fn record(family: &Family<Timer>, acknowledged: &Path) -> ! {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(acknowledged).unwrap();
    let file = File::from(rustix::io::fcntl_dupfd_cloexec(&file, OWN_NUMBERS).unwrap());
    let name = acknowledged.file_name().unwrap().to_str().unwrap();
    // SAFETY: returns a number.
    let parent = unsafe { libc::getppid() };
    thread::scope(|scope| {
        for number in 0..THREADS {
            let file = &file;
            scope.spawn(move || {
                let timer = family.labels(&[name, &number.to_string()]).unwrap();
                for value in 1u64.. {
                    timer.observe(value as f64);
                    file.write_all_at(&value.to_le_bytes(), 8 * number).unwrap();
                    if value % 32 == 0 {
                        thread::sleep(Duration::from_millis(1));
                        if number == 0 && CLOSES.swap(false, Relaxed) {
                            close_and_open(acknowledged, value);
                        }
                        // SAFETY: returns a number.
                        if unsafe { libc::getppid() } != parent {
                            return;
                        }
                    }
                }
            });
        }
    });
    // SAFETY: ends the process; all recorded data is in its segment.
    unsafe { libc::_exit(0) }
}

/// Closes all descriptors, as daemons do, and opens its own files under their numbers.
fn close_and_open(acknowledged: &Path, number: u64) {
    for number in 3..OWN_NUMBERS {
        // SAFETY: no memory is involved; the closed descriptors are Ictus's, or of this process's
        // own files.
        unsafe { libc::close(number) };
    }
    let folder = acknowledged.parent().unwrap().parent().unwrap().join(OWN_FOLDER);
    let name = acknowledged.file_name().unwrap().to_str().unwrap();
    for file in 0..6 {
        // The worker may be forbidden to open files at this moment.
        if let Ok(own) = File::create(folder.join(format!("{name}-{number}-{file}"))) {
            own.write_all_at(OWN, 0).unwrap();
            let _ = own.into_raw_fd();
        }
    }
}

/// Signals a worker to close its descriptors.
pub(crate) fn close_descriptors(pid: u32) {
    // SAFETY: a signal to a process that this test has started and not waited for.
    unsafe { libc::kill(pid.cast_signed(), libc::SIGUSR1) };
}

/// Revokes a worker's right to open files, or restores it.
pub(crate) fn limit_descriptors(pid: u32, limits: bool) {
    // SAFETY: plain numbers.
    let mut limit: libc::rlimit = unsafe { mem::zeroed() };
    let (pid, kind) = (pid.cast_signed(), libc::RLIMIT_NOFILE);
    // SAFETY: fills the limit; fails where the worker was killed.
    if unsafe { libc::prlimit(pid, kind, ptr::null(), &raw mut limit) } == 0 {
        limit.rlim_cur = if limits { 3 } else { limit.rlim_max };
        // SAFETY: filled above.
        unsafe { libc::prlimit(pid, kind, &raw const limit, ptr::null_mut()) };
    }
}

/// Asserts that the workers' own files have the content that the workers wrote.
pub(crate) fn check_own_files(acknowledged: &Path) {
    for entry in fs::read_dir(acknowledged.parent().unwrap().join(OWN_FOLDER)).unwrap().flatten() {
        let content = fs::read(entry.path()).unwrap();
        // The file is empty if its worker was killed before the write.
        assert!(content.is_empty() || content == OWN, "{}: {} bytes", entry.path().display(), content.len());
    }
}

/// Runs only in a process that the test started: reads, and retires dead segments, until it is
/// killed.
#[test]
fn reader() {
    if env::var_os(FORKS).is_none() || env::var_os(ACKNOWLEDGED).is_some() {
        return;
    }
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let mut reader = Reader::new(directory);
    loop {
        // Fails while the disk is full, and reports that.
        let _ = reader.snapshot();
        thread::sleep(Duration::from_millis(1));
    }
}

fn this(test: &str, directory: &Path, wall: Option<&WallClock>) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("worker::{test}"), "--nocapture", "--test-threads=1"]);
    command.env(DIRECTORY, directory).stdout(Stdio::null()).stderr(Stdio::null());
    wall.into_iter().for_each(|wall| wall.show_to(&mut command));
    command
}

pub(crate) fn start(directory: &Path, acknowledged: &Path, forks: bool, wall: Option<&WallClock>) -> Child {
    let mut command = this("worker", directory, wall);
    command.env(ACKNOWLEDGED, acknowledged);
    if forks {
        command.env(FORKS, "1");
    }
    command.spawn().unwrap()
}

pub(crate) fn start_reader(directory: &Path, wall: Option<&WallClock>) -> Child {
    this("reader", directory, wall).env(FORKS, "1").spawn().unwrap()
}

/// Returns the last number that each thread of a worker acknowledged.
pub(crate) fn acknowledged(path: &Path) -> [u64; THREADS as usize] {
    let file = File::open(path).ok();
    std::array::from_fn(|thread| {
        let mut bytes = [0; 8];
        let read = file.as_ref().map(|file| file.read_exact_at(&mut bytes, 8 * thread as u64));
        if matches!(read, Some(Ok(()))) { u64::from_le_bytes(bytes) } else { 0 }
    })
}
