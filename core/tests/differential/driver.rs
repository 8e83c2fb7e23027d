//! Runs a program on Ictus and on the model, and compares the snapshots.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ictus::Reader;
use tempfile::TempDir;

use super::{
    compare::difference,
    lines::{Lines, lines},
    model::Model,
    program::{READERS, Step, Verb},
    worker::{DIRECTORY, END, SOCKET},
};

/// The time in which readers must see records of which only their process had the memory.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(5);
/// The time in which a process must answer.
const TIMEOUT: Duration = Duration::from_secs(60);

const UNUSED: Step = Step {
    verb: Verb::Snapshot,
    process: 0,
    registry: 0,
    thread: 0,
    family: 0,
    series: 0,
    times: 0,
    amount: 0,
    version: 0,
};

/// A process that obeys steps.
struct Process {
    pid: i32,
    answers: BufReader<UnixStream>,
    /// None if another process forked it.
    child: Option<Child>,
}

struct Driver {
    home: TempDir,
    listener: UnixListener,
    processes: BTreeMap<usize, Process>,
    /// Readers that are kept: one retires, the other does not.
    readers: [Reader; 2],
    model: Model,
    /// Files that were removed.
    unlinked: BTreeSet<PathBuf>,
}

/// Runs a program. Returns the first difference.
pub(crate) fn run(program: &[Step]) -> Result<(), String> {
    let mut driver = Driver::new();
    for (number, step) in program.iter().enumerate() {
        driver.step(step).map_err(|error| format!("step {number}, {step}:\n{error}"))?;
    }
    for reader in (0..READERS).chain([0, 1]) {
        driver.read(reader).map_err(|error| format!("at the end, reader {reader}:\n{error}"))?;
    }
    Ok(())
}

impl Driver {
    fn new() -> Driver {
        // Retirement syncs its files, which is slow on a disk.
        let memory = Path::new("/dev/shm");
        let home = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let listener = UnixListener::bind(home.path().join("socket")).unwrap();
        let metrics = home.path().join("metrics");
        let readers = [Reader::new(&metrics), Reader::new(&metrics).without_retiring()];
        let (model, unlinked) = (Model::default(), BTreeSet::new());
        Driver { home, listener, processes: BTreeMap::new(), readers, model, unlinked }
    }

    fn metrics(&self) -> PathBuf {
        self.home.path().join("metrics")
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let lives = self.processes.contains_key(&step.process);
        match step.verb {
            Verb::Read => return self.read(step.thread),
            Verb::Clear => _ = ictus::clear(self.metrics()).map_err(|error| error.to_string())?,
            Verb::Unlink => return self.unlink(step),
            _ if step.records() && !lives => {
                let process = self.start()?;
                self.processes.insert(step.process, process);
            }
            _ if !lives => return Ok(()),
            Verb::Fork if self.processes.contains_key(&step.thread) => return Ok(()),
            _ => {}
        }
        if let Some(&registry) = self.model.starved.get(&step.process) {
            match step.verb {
                // Others would recover at the same time, in any order.
                _ if step.registry != registry && step.verb != Verb::Kill => return Ok(()),
                Verb::Starve | Verb::Snapshot => return Ok(()),
                // The process writes its records when it ends.
                Verb::Close | Verb::Exit => self.obey(&Step { verb: Verb::Feed, ..*step })?,
                Verb::Remove | Verb::Expire | Verb::Fork | Verb::KillReading => self.feed(step)?,
                Verb::Feed => return self.feed(step),
                _ => {}
            }
        } else if step.verb == Verb::Feed {
            return Ok(());
        }
        self.obey(step)
    }

    /// Lets a process obey a step, and compares its answer.
    fn obey(&mut self, step: &Step) -> Result<(), String> {
        let expected = self.model.step(step);
        let Some(process) = self.processes.get_mut(&step.process) else { return Ok(()) };
        match step.verb {
            Verb::Clear => return Ok(()),
            Verb::Kill | Verb::KillReading => {
                if step.verb == Verb::KillReading {
                    process.send(step);
                    thread::sleep(Duration::from_micros(step.times as u64 * 20));
                }
                drop(self.processes.remove(&step.process));
                return Ok(());
            }
            _ => process.send(step),
        }
        match step.verb {
            Verb::Exit => {
                process.wait();
                drop(self.processes.remove(&step.process));
            }
            Verb::Fork => {
                process.answer()?;
                let child = self.accept(None)?;
                self.processes.insert(step.thread, child);
            }
            Verb::Snapshot => {
                let answer = process.answer()?;
                let pairs = answer.lines().filter_map(|line| line.split_once('\t'));
                let shown = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                return self.check(&shown, Some((step.process, step.registry)));
            }
            _ => {
                let answer = process.answer()?;
                if answer.trim_end() != expected {
                    return Err(format!("  the process answers {answer:?} instead of {expected:?}"));
                }
            }
        }
        Ok(())
    }

    /// Ends the starvation of a process, and waits until readers see its records.
    fn feed(&mut self, step: &Step) -> Result<(), String> {
        let old_files = self.files();
        self.obey(&Step { verb: Verb::Feed, ..*step })?;
        self.recover(&old_files)
    }

    fn unlink(&mut self, step: &Step) -> Result<(), String> {
        // Folds the segments of ended processes, so that the others belong to live ones.
        self.read(READERS - 1)?;
        for file in self.files() {
            // A file that comes back has the earlier records of a live process. It may belong to an
            // ended one by now, and then nothing could write it again.
            if self.unlinked.insert(file.clone()) {
                fs::remove_file(&file).unwrap();
            }
        }
        self.model.unlink();
        let old_files = self.files();
        if step.times.is_multiple_of(2) && self.processes.contains_key(&step.process) {
            self.obey(&Step { verb: Verb::Exit, ..*step })?;
        }
        self.recover(&old_files)
    }

    /// Returns the files of segments.
    fn files(&self) -> BTreeSet<PathBuf> {
        let entries = fs::read_dir(self.metrics().join("ictus")).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|of| of == "seg"))
            .collect()
    }

    /// Waits until readers see the records of all hidden segments. There were `before` files.
    fn recover(&mut self, old_files: &BTreeSet<PathBuf>) -> Result<(), String> {
        let hidden = self.model.hidden();
        for &(process, registry) in &hidden {
            // The snapshot notices that the file was removed.
            if let Some(to) = self.processes.get_mut(&process) {
                to.send(&Step { verb: Verb::Snapshot, process, registry, ..UNUSED });
                to.answer()?;
            }
            self.model.recover((process, registry));
        }
        let start = Instant::now();
        let mut new = BTreeSet::new();
        loop {
            new.extend(self.files().difference(old_files).cloned());
            // A reader that is kept shows the content of a removed file until its owner has ended or
            // has written it again.
            let read = (0..READERS).rev().try_for_each(|reader| self.read(reader));
            // Each process writes its earlier records to one file, and continues in another.
            if read.is_ok() && new.len() >= 2 * hidden.len() {
                return Ok(());
            }
            if start.elapsed() > RECOVERY_TIMEOUT {
                let missing = format!("  {} new segments of {} processes: files", new.len(), hidden.len());
                return read.and(Err(missing));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn read(&mut self, reader: usize) -> Result<(), String> {
        let metrics = self.metrics();
        let snapshot = match reader {
            0 | 1 => self.readers[reader].snapshot(),
            2 => Reader::new(metrics).without_retiring().snapshot(),
            _ => Reader::new(metrics).snapshot(),
        };
        self.check(&lines(&snapshot.map_err(|error| error.to_string())?), None)
    }

    /// Compares what a registry shows, or a reader of another process.
    fn check(&mut self, shown: &Lines, at: Option<(usize, usize)>) -> Result<(), String> {
        difference(shown, &self.model.seen_by(at, Model::expected)).map_or(Ok(()), Err)
    }

    fn start(&self) -> Result<Process, String> {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "worker::worker", "--nocapture", "--test-threads=1"])
            .env(SOCKET, self.home.path().join("socket"))
            .env(DIRECTORY, self.metrics())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.accept(Some(child))
    }

    fn accept(&self, child: Option<Child>) -> Result<Process, String> {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let mut process = Process { pid: 0, answers: BufReader::new(stream), child };
        let pid = process.answer()?;
        process.pid = pid.trim_end().parse().map_err(|_| format!("  no process number: {pid:?}"))?;
        Ok(process)
    }
}

impl Process {
    fn send(&mut self, step: &Step) {
        // Fails if the process has ended, which `answer` reports.
        let _ = self.answers.get_mut().write_all(format!("{step}\n").as_bytes());
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut text = String::new();
        loop {
            let start = text.len();
            let read = self.answers.read_line(&mut text);
            if !matches!(read, Ok(1..)) {
                return Err(format!("  the process has ended or hangs: {read:?}"));
            }
            if text[start..].trim_end() == END {
                text.truncate(start);
                return Ok(text);
            }
        }
    }

    /// Waits until the process has ended, and has closed its files before.
    fn wait(&mut self) {
        if let Some(child) = &mut self.child {
            child.wait().unwrap();
            return;
        }
        // The first thread may have ended before others that hold the files.
        let has_ended = || {
            let Ok(stat) = fs::read_to_string(format!("/proc/{}/stat", self.pid)) else { return true };
            let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).map_or(0, Iterator::count);
            let state = stat.rsplit(')').next().unwrap_or_default();
            threads <= 1 && (state.starts_with(" Z") || state.starts_with(" X"))
        };
        while !has_ended() {
            thread::sleep(Duration::from_micros(200));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let (1.., Some(None) | None) =
            (self.pid, self.child.as_mut().map(|child| child.try_wait().unwrap()))
        {
            // SAFETY: a signal to a process of this test that has not been waited for.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
        }
        self.wait();
    }
}
