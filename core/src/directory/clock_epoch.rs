//! Clock epochs: timestamps are compared only if one clock made them.
//!
//! A directory outlives a boot, and processes that record in it at the same time may use different
//! clocks. Containers may have a separate boot id or time namespace, and processes that were
//! started after the kernel stopped using the counter use the kernel's clock. Each clock has a
//! number, its epoch. The file `epoch` maps numbers to clocks:
//!
//! ```text
//! 3                                   a number
//! tsc 1f0e…  1764491234 0 time:[…] 7  and its clock; the newest first
//! 2
//! …
//! ```
//!
//! The file is only an index. If it is missing or broken, it is created again. The segments and the
//! totals name their epochs and clocks, too, so one number never stands for two clocks.

use std::{collections::BTreeSet, io};

use super::{Directory, lock::EPOCH_TIMEOUT};
use crate::{
    clock::{self, Anchor, ClockIdentity, epoch_clocks::Clocks},
    format::{header::SegmentHeader, totals_head},
};

/// The epoch of memory that no other process sees: always this process's clock.
pub(crate) const UNSHARED_EPOCH: u32 = 0;

const FILE: &str = "epoch";
/// Maximum number of clocks in the file. For a clock that is no longer listed, a new process starts
/// another epoch.
const MAX_LISTED: usize = 16;

/// This process's clock in a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch {
    pub(crate) number: u32,
    /// See [`ClockIdentity::fingerprint`].
    pub(crate) fingerprint: u64,
    pub(crate) anchor: Anchor,
    /// The wall clock's time when the system was started, in nanoseconds since 1970, as it was when
    /// the epoch began.
    booted: u64,
}

impl Epoch {
    /// Returns the epoch of memory of this process alone.
    pub(crate) fn unshared() -> Epoch {
        let booted = clock::wall().saturating_sub(clock::since_boot());
        Epoch { number: UNSHARED_EPOCH, fingerprint: 0, anchor: Anchor::now(), booted }
    }

    /// Returns the current time in nanoseconds since 1970. It is the same for all processes of the
    /// epoch, and increases also if the wall clock is set back.
    pub(crate) fn time(&self) -> u64 {
        self.booted.saturating_add(clock::since_boot())
    }
}

/// An entry of the file: a number and its clock.
type Listed = (u32, String);

/// Returns this process's epoch in a directory. Starts a new epoch if the directory has none of
/// this clock.
pub(crate) fn join(directory: &Directory) -> io::Result<Epoch> {
    join_after(directory, None)
}

/// As [`join`], but ignores epochs up to `ended`: the clock has restarted since that epoch ended.
pub(crate) fn join_after(directory: &Directory, ended: Option<u32>) -> io::Result<Epoch> {
    let find = |listed: &[Listed], own| find(listed, own).filter(|&(number, _)| Some(number) > ended);
    let own = ClockIdentity::own();
    let fingerprint = own.fingerprint();
    let epoch = |number, booted| Epoch { number, fingerprint, anchor: Anchor::now(), booted };
    if let Some(listed) = read(directory)?
        && let Some((number, booted)) = find(&listed, &own)
    {
        return Ok(epoch(number, booted));
    }
    // Happens once per boot: waits for the process that holds the lock, and reads the file again.
    let _lock = directory.lock_within(EPOCH_TIMEOUT)?;
    let existing = read(directory)?;
    let mut listed = existing.clone().unwrap_or_default();
    if let Some((number, booted)) = find(&listed, &own) {
        return Ok(epoch(number, booted));
    }
    let clocks = recorded(directory);
    let is_own = |number: &u32| {
        existing.is_none() && Some(*number) > ended && !own.is_behind(clocks.latest_stamp(*number))
    };
    let number = match clocks.epoch_of(fingerprint).filter(is_own) {
        // The file was removed: the number stands for the same clock as before.
        Some(number) => number,
        None => {
            let used: BTreeSet<u32> =
                listed.iter().map(|&(number, _)| number).chain(clocks.epochs()).collect();
            above(&used)
        }
    };
    listed.insert(0, (number, own.to_string()));
    listed.truncate(MAX_LISTED);
    let text: String = listed.iter().map(|(number, identity)| format!("{number}\n{identity}\n")).collect();
    directory.replace(FILE, text.as_bytes())?;
    // A clock that was set back, or that is not set yet after a boot, must not order new
    // observations before existing ones. Time stands still until the clock has caught up.
    let mut epoch = epoch(number, own.booted());
    epoch.anchor.wall = epoch.anchor.wall.max(clocks.latest_time());
    Ok(epoch)
}

/// Returns the number after all used ones. If there is none, any unused number will do, because
/// anchors order the epochs.
fn above(used: &BTreeSet<u32>) -> u32 {
    let next = used.last().map_or(Some(1), |last| last.checked_add(1));
    next.or_else(|| (1..=u32::MAX).find(|number| !used.contains(number))).unwrap_or(u32::MAX)
}

/// Returns the number of this process's clock in a directory, or `None` if no process has recorded
/// with it.
pub(crate) fn current(directory: &Directory) -> Option<u32> {
    find(&read(directory).ok()??, &ClockIdentity::own()).map(|(number, _)| number)
}

/// Returns the number of a clock, and when its system was started.
fn find(listed: &[Listed], own: &ClockIdentity) -> Option<(u32, u64)> {
    listed.iter().find_map(|(number, text)| {
        let identity = ClockIdentity::parse(text).filter(|identity| own.continues(identity))?;
        Some((*number, identity.booted()))
    })
}

/// Reads the file's entries. Returns `None` if the file is missing or broken.
fn read(directory: &Directory) -> io::Result<Option<Vec<Listed>>> {
    let Some(bytes) = directory.read_short(FILE)? else { return Ok(None) };
    Ok(std::str::from_utf8(&bytes).ok().and_then(parse))
}

fn parse(text: &str) -> Option<Vec<Listed>> {
    let lines: Vec<&str> = text.lines().collect();
    let (pairs, rest) = lines.as_chunks::<2>();
    let listed = |&[number, identity]: &[&str; 2]| {
        let number = number.parse().ok().filter(|&number| number != UNSHARED_EPOCH)?;
        (!identity.is_empty()).then(|| (number, identity.to_owned()))
    };
    let all: Option<Vec<Listed>> = pairs.iter().map(listed).collect();
    all.filter(|all| rest.is_empty() && !all.is_empty())
}

/// Returns the clocks that segments and totals name. Unreadable files are skipped.
fn recorded(directory: &Directory) -> Clocks {
    let mut clocks = Clocks::default();
    for id in directory.segments().unwrap_or_default() {
        if let Ok(file) = directory.open_segment(id)
            && let Ok(header) = SegmentHeader::read(&file, id)
        {
            header.add_clock(&mut clocks);
        }
    }
    if let Ok(Some(mut file)) = directory.open_totals()
        && let Ok(recorded) = totals_head::clocks(&mut file)
    {
        clocks.merge(&recorded);
    }
    clocks
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::{Anchor, Directory, FILE, current, join};
    use crate::{Reader, Registry, clock::ClockIdentity};

    fn in_new_directory() -> (tempfile::TempDir, Directory, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::create(parent.path()).unwrap();
        let file = directory.metrics_path().path().join(FILE);
        (parent, directory, file)
    }

    fn numbers(text: &str) -> Vec<&str> {
        text.lines().step_by(2).collect()
    }

    #[test]
    fn several_clocks_are_current() {
        let (_parent, directory, file) = in_new_directory();
        assert_eq!(current(&directory), None);
        assert_eq!(join(&directory).unwrap().number, 1);
        assert_eq!(join(&directory).unwrap().number, 1);
        fs::write(&file, "7\nanother boot\n").unwrap();
        assert_eq!(current(&directory), None);
        assert_eq!(join(&directory).unwrap().number, 8);
        // Processes with the other clock find theirs as well.
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.ends_with("\n7\nanother boot\n"), "{text}");
        assert_eq!((join(&directory).unwrap().number, current(&directory)), (8, Some(8)));
    }

    #[test]
    fn the_file_lists_a_bounded_number_of_clocks() {
        let (_parent, directory, file) = in_new_directory();
        let others: String = (1..=40).rev().map(|number| format!("{number}\nboot {number}\n")).collect();
        fs::write(&file, others).unwrap();
        assert_eq!(join(&directory).unwrap().number, 41);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!((numbers(&text).len(), numbers(&text)[0], numbers(&text)[15]), (16, "41", "26"));
        fs::write(&file, "4294967295\nanother boot\n1\nan earlier boot\n").unwrap();
        assert_eq!(join(&directory).unwrap().number, 2, "there is none after the last");
    }

    #[test]
    fn a_missing_or_broken_file_is_made_again_with_the_same_numbers() {
        let (parent, directory, file) = in_new_directory();
        fs::write(&file, "4\nan earlier boot\n").unwrap();
        let registry = Registry::open(parent.path()).unwrap();
        let jobs = registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap();
        jobs.inc();
        assert_eq!(current(&directory), Some(5));
        let repair = |is_reused: bool| {
            for broken in
                [None, Some(&b""[..]), Some(b"x\ny\n"), Some(b"7"), Some(b"0\na\n"), Some(b"\xFF\n")]
            {
                match broken {
                    Some(bytes) => fs::write(&file, bytes).unwrap(),
                    None => fs::remove_file(&file).unwrap(),
                }
                assert_eq!(current(&directory), None, "{broken:?}");
                let number = join(&directory).unwrap().number;
                assert!(if is_reused { number == 5 } else { number > 5 }, "{number} after {broken:?}");
                assert_eq!(current(&directory), Some(number), "{broken:?}");
            }
        };
        let knows_boot = ClockIdentity::own().fingerprint() != 0;
        repair(knows_boot);
        // Clocks that the totals name are used, too.
        drop((jobs, registry));
        for _ in 0..1000 {
            Reader::new(parent.path()).snapshot().unwrap();
            if directory.segments().unwrap().is_empty() {
                break;
            }
        }
        assert_eq!(directory.segments().unwrap(), []);
        repair(knows_boot);
    }

    #[test]
    fn new_epoch_begins_after_existing_timestamps() {
        let (parent, directory, file) = in_new_directory();
        let registry = Registry::open(parent.path()).unwrap();
        registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
        let ahead = Anchor { wall: u64::MAX / 2, ..Anchor::now() };
        let segment = directory.segments().unwrap()[0];
        let path = directory.metrics_path().segment_path(segment);
        crate::format::anchors::tests::forge(&path, &ahead);
        fs::write(&file, "1\nanother boot\n").unwrap();
        let joined = join(&directory).unwrap();
        assert_eq!((joined.number, joined.anchor.wall), (2, u64::MAX / 2));
    }
}
