//! Any Unix, with what POSIX and `flock` promise.

use std::{
    io,
    os::fd::AsFd,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::{
    io::{retry_on_intr, write},
    mm::MapFlags,
};

use super::growth;
use crate::clock;

/// There is no flag for it everywhere.
pub(crate) const RESERVED_ONLY: MapFlags = MapFlags::empty();

/// What files grow by: a step of growth is one call.
static ZEROS: [u8; 256 << 10] = [0; 256 << 10];

/// Commits a file up to `end`, by writing zeros behind its end: a full disk is an error here.
///
/// The file is opened to append, so that of several threads none writes over what another has
/// committed and used meanwhile: each write makes the file longer, by as much as is then counted.
pub(crate) fn commit(file: impl AsFd, committed: &AtomicUsize, end: usize) -> io::Result<()> {
    loop {
        let from = committed.load(Ordering::Acquire);
        if end <= from {
            return Ok(());
        }
        let length = (end - from).min(ZEROS.len());
        let written = retry_on_intr(|| {
            growth::count();
            write(&file, &ZEROS[..length])
        })?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        committed.fetch_add(written, Ordering::Release);
    }
}

/// Nobody says whether the counter is the same on all processors.
#[cfg(target_arch = "x86_64")]
pub(crate) fn trusts_processor_counter() -> bool {
    false
}

/// What must be the same for two stamps to be comparable: the boot, known by its time of day.
pub(crate) fn clock_identity(source: &str) -> String {
    let booted = clock::wall().saturating_sub(clock::monotonic()) / 1_000_000_000;
    format!("{source} {booted}")
}

/// Whether two identities are of one clock. The time of day is corrected while a system runs: a
/// minute's difference is no other boot, and a clock that is set makes one, which loses nothing.
pub(crate) fn is_same_clock(one: &str, other: &str) -> bool {
    let parse = |text: &str| {
        let (source, booted) = text.split_once(' ')?;
        Some((source.to_owned(), booted.parse::<u64>().ok()?))
    };
    match (parse(one), parse(other)) {
        (Some((one, booted)), Some((other, again))) => one == other && booted.abs_diff(again) < 60,
        _ => false,
    }
}

/// There is no common way to ask: nothing is refused.
pub(crate) fn refused_file_system(_: impl AsFd) -> io::Result<Option<&'static str>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::{clock_identity, commit, is_same_clock};
    use std::{
        fs::OpenOptions,
        os::unix::fs::FileExt,
        sync::atomic::{AtomicUsize, Ordering},
    };

    #[test]
    fn growing_never_writes_over_what_is_there() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("file");
        let file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
        // To write at places, which appending files do not do.
        let used = OpenOptions::new().write(true).open(&path).unwrap();
        let committed = AtomicUsize::new(0);
        let claimed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let from = claimed.fetch_add(4096, Ordering::Relaxed);
                        commit(&file, &committed, from + 4096).unwrap();
                        used.write_all_at(&[7; 4096], from as u64).unwrap();
                    }
                });
            }
        });
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), committed.load(Ordering::Acquire));
        assert!(bytes[..200 * 4096].iter().all(|&byte| byte == 7));
        assert!(bytes[200 * 4096..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn a_boot_is_known_by_its_time() {
        assert!(is_same_clock(&clock_identity("monotonic"), &clock_identity("monotonic")));
        assert!(is_same_clock("monotonic 1000000", "monotonic 1000059"));
        for other in ["monotonic 1000060", "monotonic 999900", "tsc 1000000", "monotonic", "", "monotonic x"]
        {
            assert!(!is_same_clock("monotonic 1000000", other), "{other}");
        }
    }
}
