//! The faults that the test applies to workers, readers and files, one after the other.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Child,
    thread,
    time::{Duration, Instant},
};

use ictus::Reader;

use super::{
    Dice, modes,
    oracle::{Fate, Oracle},
    wall_clock::WallClock,
    worker,
};

const WORKERS: usize = 5;
/// Whether folders and descriptors are taken away, and the wall clock moves. Without the calls of Linux a
/// descriptor holds the lock that shows that a worker lives, and the wall clock identifies a boot.
const LINUX_FAULTS: bool = !cfg!(ictus_portable);

pub(crate) struct Faults {
    metrics: PathBuf,
    has_disk: bool,
    dice: Dice,
    oracle: Oracle,
    workers: Vec<(String, Child)>,
    retiring: Child,
    started: u64,
    /// Whether file modes apply to the processes that this test starts.
    obey: bool,
    wall: Option<WallClock>,
    /// Steps for which the disk stays full.
    full: u64,
    /// Steps for which nothing can be created or removed in the directory.
    read_only: u64,
    /// A worker that may open no files, and the steps for which that lasts.
    limited: Option<(u32, u64)>,
    done: [(&'static str, u64); 13],
}

impl Faults {
    pub(crate) fn new(home: &Path, metrics: &Path, has_disk: bool, dice: Dice) -> Faults {
        let said = home.join("said");
        fs::create_dir(&said).unwrap();
        fs::create_dir(home.join("own")).unwrap();
        let names = [
            "killed",
            "forked",
            "readers killed",
            "deleted",
            "truncated",
            "corrupted",
            "disk full",
            "directory read-only",
            "wall clock moved",
            "folders emptied",
            "folders renamed",
            "descriptors closed",
            "without descriptors",
        ];
        let obey = modes::obey();
        let wall = WallClock::new(home);
        Faults {
            metrics: metrics.to_owned(),
            has_disk,
            dice,
            oracle: Oracle::new(said, Reader::new(metrics)),
            workers: Vec::new(),
            retiring: worker::start_reader(metrics, wall.as_ref()),
            started: 0,
            obey,
            wall,
            full: 0,
            read_only: 0,
            limited: None,
            done: names.map(|name| (name, 0)),
        }
    }

    pub(crate) fn step(&mut self) {
        match (self.full, self.read_only) {
            (0, 0) => self.start_missing_workers(),
            (1, _) => fs::remove_file(self.filler()).unwrap(),
            (_, 1) => _ = self.set_mode(0o700),
            _ => {}
        }
        self.full = self.full.saturating_sub(1);
        self.read_only = self.read_only.saturating_sub(1);
        self.limited = self.limited.and_then(|(pid, left)| match left {
            0 => {
                worker::limit_descriptors(pid, false);
                None
            }
            left => Some((pid, left - 1)),
        });
        let undisturbed = self.full == 0 && self.read_only == 0;
        match self.dice.roll(18) {
            0..=3 => self.kill(),
            4 | 5 => self.kill_the_reader(),
            6 => self.delete_a_living_segment(),
            7 => self.damage_a_dead_segment(true),
            8 => self.damage_a_dead_segment(false),
            9 if self.has_disk && undisturbed => self.fill_the_disk(),
            10 if self.obey && undisturbed => self.make_read_only(),
            11 if LINUX_FAULTS => self.move_the_wall_clock(),
            12 if LINUX_FAULTS && undisturbed && self.dice.roll(4) == 0 => self.take_the_folder_away(),
            13 if LINUX_FAULTS => self.close_descriptors(),
            14 if LINUX_FAULTS && self.limited.is_none() => self.leave_no_descriptors(),
            _ => thread::sleep(Duration::from_millis(self.dice.roll(20))),
        }
        self.oracle.check();
        for (name, child) in &mut self.workers {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} has ended by itself: {ended:?}");
        }
    }

    fn count(&mut self, what: usize) {
        self.done[what].1 += 1;
    }

    fn start_missing_workers(&mut self) {
        while self.workers.len() < WORKERS {
            self.started += 1;
            let forks = self.dice.roll(4) == 0;
            let name = format!("worker-{}", self.started);
            let path = self.oracle.path(&name);
            let child = worker::start(&self.metrics, &path, forks, self.wall.as_ref());
            self.workers.push((name, child));
            self.count_if(1, forks);
            // A thread that has begun has its lane, even if the disk fills up next.
            let paths = [Some(path.clone()), forks.then(|| path.with_extension("child"))];
            for path in paths.into_iter().flatten() {
                until(|| worker::acknowledged(&path).iter().all(|number| *number > 0));
            }
            let pid = self.workers.last().map(|(_, child)| child.id());
            if let (Some(wall), Some(segment)) = (&self.wall, pid.and_then(segment_of)) {
                assert!(wall.shows(created(&segment)), "the segment's owner does not look at this wall");
            }
        }
    }

    fn count_if(&mut self, what: usize, happened: bool) {
        if happened {
            self.count(what);
        }
    }

    fn some_worker(&mut self) -> Option<usize> {
        let many = self.workers.len() as u64;
        (many > 0).then(|| self.dice.roll(many) as usize)
    }

    fn kill(&mut self) {
        let Some(at) = self.some_worker() else { return };
        thread::sleep(Duration::from_micros(self.dice.roll(3_000)));
        let (name, mut child) = self.workers.swap_remove(at);
        child.kill().unwrap();
        child.wait().unwrap();
        self.oracle.killed(&name);
        self.count(0);
    }

    /// Kills the reader, about every other time in the middle of a retirement.
    fn kill_the_reader(&mut self) {
        thread::sleep(Duration::from_micros(self.dice.roll(3_000)));
        self.retiring.kill().unwrap();
        self.retiring.wait().unwrap();
        self.retiring = worker::start_reader(&self.metrics, self.wall.as_ref());
        self.count(2);
    }

    fn delete_a_living_segment(&mut self) {
        let Some(at) = self.some_worker() else { return };
        let (name, child) = &self.workers[at];
        let (name, segment) = (name.clone(), segment_of(child.id()));
        self.oracle.doomed(&name, Fate::Deleted);
        if let Some(segment) = segment {
            // The file may be gone already, and stays if the directory is read-only.
            if fs::remove_file(segment).is_ok() {
                self.count(3);
            }
        }
    }

    /// Kills a worker and damages its segment while other processes read and retire the segment.
    fn damage_a_dead_segment(&mut self, cut: bool) {
        let Some(at) = self.some_worker() else { return };
        let segment = segment_of(self.workers[at].1.id());
        let (name, mut child) = self.workers.swap_remove(at);
        self.oracle.doomed(&name, Fate::Corrupted);
        self.oracle.killed(&name);
        // Open the file before a reader retires it.
        let file = segment.and_then(|segment| OpenOptions::new().write(true).open(segment).ok());
        child.kill().unwrap();
        child.wait().unwrap();
        let Some(file) = file else { return };
        let length = file.metadata().unwrap().len();
        if cut {
            file.set_len(self.dice.roll(length)).unwrap();
            self.count(4);
            return;
        }
        for _ in 0..=self.dice.roll(64) {
            let word = self.dice.roll(u64::MAX).to_le_bytes();
            // Any word of the first pages, which hold everything that matters.
            match file.write_all_at(&word, 8 * self.dice.roll(length.min(1 << 16) / 8)) {
                Err(error) if error.kind() != ErrorKind::StorageFull => panic!("{error}"),
                _ => {}
            }
        }
        self.count(5);
    }

    /// Removes the segments of all living workers, and the data of ended processes.
    fn take_the_folder_away(&mut self) {
        let folder = self.metrics.join("ictus");
        if !folder.exists() {
            // No worker has needed it since it was renamed.
            return;
        }
        let living: Vec<String> = self.workers.iter().map(|(name, _)| name.clone()).collect();
        self.oracle.all_deleted(&living);
        if self.dice.roll(2) == 0 {
            for entry in fs::read_dir(&folder).unwrap().flatten() {
                // The file may be gone already if a reader retires at this moment.
                let _ = fs::remove_file(entry.path());
            }
            self.count(9);
        } else {
            self.count(10);
            let old = self.metrics.join(format!("old-{}", self.done[10].1));
            fs::rename(&folder, &old).unwrap();
            fs::remove_dir_all(&old).unwrap();
        }
    }

    /// Makes a worker close all descriptors, and open its own files under the same numbers.
    fn close_descriptors(&mut self) {
        let Some(at) = self.some_worker() else { return };
        worker::close_descriptors(self.workers[at].1.id());
        self.count(11);
    }

    fn leave_no_descriptors(&mut self) {
        let Some(at) = self.some_worker() else { return };
        let pid = self.workers[at].1.id();
        worker::limit_descriptors(pid, true);
        self.limited = Some((pid, 1 + self.dice.roll(10)));
        self.count(12);
    }

    fn filler(&self) -> PathBuf {
        self.metrics.join("filler")
    }

    fn fill_the_disk(&mut self) {
        let mut filler = File::create(self.filler()).unwrap();
        let block = [0; 1 << 16];
        while filler.write_all(&block).is_ok() {}
        while filler.write_all(&[0; 512]).is_ok() {}
        self.full = 2 + self.dice.roll(10);
        self.count(6);
    }

    /// Returns false if there is no folder, because it was removed and no worker has created it again.
    fn set_mode(&self, mode: u32) -> bool {
        match fs::set_permissions(self.metrics.join("ictus"), Permissions::from_mode(mode)) {
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            changed => changed.is_ok(),
        }
    }

    fn make_read_only(&mut self) {
        if !self.set_mode(0o500) {
            return;
        }
        let refused = File::create(self.metrics.join("ictus/x")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        self.read_only = 2 + self.dice.roll(10);
        self.count(7);
    }

    /// Moves the wall clock by up to ten years, in either direction.
    fn move_the_wall_clock(&mut self) {
        let years = 10 * 365 * 24 * 3600;
        let by = self.dice.roll(2 * years) as i64 - years as i64;
        if let Some(wall) = &mut self.wall {
            wall.move_by(by);
            self.count(8);
        }
    }

    /// Ends all processes, checks a last time, and returns a summary of the faults.
    pub(crate) fn end(mut self) -> String {
        if self.full > 0 {
            fs::remove_file(self.filler()).unwrap();
        }
        let _ = fs::create_dir(self.metrics.join("ictus"));
        assert!(self.set_mode(0o700));
        let names: Vec<String> = self.workers.iter().map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.oracle.killed(name));
        for (_, child) in &mut self.workers {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        self.retiring.kill().unwrap();
        self.retiring.wait().unwrap();
        self.oracle.check();
        // All workers are dead. Their children end when they notice that.
        until(|| {
            self.oracle.check();
            segments(&self.metrics) == 0
        });
        worker::check_own_files(&self.oracle.folder);
        let done = self.done.map(|(name, times)| format!("{times} {name}")).join(", ");
        format!(
            "{} workers ({} recovered), {} observations of them left, {} scrapes (the slowest {:.0} ms): {done}",
            self.started,
            self.oracle.recovered,
            self.oracle.observations,
            self.oracle.scrapes,
            1e3 * self.oracle.slowest
        )
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        for (_, child) in &mut self.workers {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = self.retiring.kill();
        let _ = self.retiring.wait();
    }
}

/// Returns the segment that a process has mapped, according to the kernel.
fn segment_of(pid: u32) -> Option<PathBuf> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    // A path with a second word, such as "(deleted)", is a file that has lost its name.
    let path = |line: &str| line.split_whitespace().skip(5).map(str::to_owned).collect::<Vec<_>>();
    let paths = maps.lines().map(path).find(|path| path.len() == 1 && path[0].ends_with(".seg"))?;
    Some(paths[0].clone().into())
}

/// Returns the wall clock's time at a segment's creation, from the anchor in its header: the ninth
/// word, by docs/segment-format.md. The fifth word does not follow the wall clock.
fn created(segment: &Path) -> u64 {
    let mut word = [0; 8];
    File::open(segment).unwrap().read_exact_at(&mut word, 8 * 8).unwrap();
    u64::from_le_bytes(word)
}

/// Counts the intact segments. Damaged segments of dead processes stay.
fn segments(metrics: &Path) -> usize {
    let health = Reader::new(metrics).snapshot().unwrap().health;
    (health.live_segments + health.dead_segments) as usize
}

fn until(mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !reached() {
        assert!(Instant::now() < deadline, "never");
        thread::sleep(Duration::from_millis(2));
    }
}
