//! Clock epochs: stamps are compared only where one clock made them.
//!
//! A directory outlives a boot. Its `epoch` file says which clock the present number stands for:
//! boot id, clock source and time namespace. Who finds another clock than its own starts the next
//! number, so that observations order by (epoch, stamp) for as long as the directory lives.

use std::io;

use super::{directory::Directory, lock::EPOCH_TIMEOUT};
use crate::{
    clock,
    platform::{clock_identity, is_same_clock},
};

/// The epoch of memory that no other process sees: always this process's clock.
pub(crate) const UNSHARED_EPOCH: u32 = 0;

/// The number of this process's clock in a directory; starts a new one where the clock is new.
pub(super) fn join(directory: &Directory) -> io::Result<u32> {
    let clock = clock_identity(clock::source());
    if let Some((number, known)) = read(directory)?
        && is_same_clock(&known, &clock)
    {
        return Ok(number);
    }
    // Once a boot: waits for whoever holds the lock, and looks again.
    let _lock = directory.lock_within(EPOCH_TIMEOUT)?;
    let number = match read(directory)? {
        Some((number, known)) if is_same_clock(&known, &clock) => return Ok(number),
        Some((number, _)) => number.saturating_add(1),
        None => 1,
    };
    directory.replace("epoch", format!("{number}\n{clock}\n").as_bytes())?;
    Ok(number)
}

/// The number of this process's clock in a directory; none where nobody has recorded with it.
pub(crate) fn current(directory: &Directory) -> Option<u32> {
    let (number, clock) = read(directory).ok()??;
    is_same_clock(&clock, &clock_identity(clock::source())).then_some(number)
}

/// The number and the clock; none where there is no epoch yet.
fn read(directory: &Directory) -> io::Result<Option<(u32, String)>> {
    let Some(text) = directory.read_text("epoch")? else { return Ok(None) };
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "the epoch file is not one; remove it");
    let (number, clock) = text.trim_end().split_once('\n').ok_or_else(invalid)?;
    Ok(Some((number.parse().map_err(|_| invalid())?, clock.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::{Directory, current, join};
    use std::fs;

    #[test]
    fn another_clock_starts_another_epoch() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::create(parent.path()).unwrap();
        assert_eq!(current(&directory), None);
        assert_eq!(join(&directory).unwrap(), 1);
        assert_eq!(join(&directory).unwrap(), 1);
        assert_eq!(current(&directory), Some(1));
        fs::write(directory.place().path().join("epoch"), "7\nanother boot\n").unwrap();
        assert_eq!(current(&directory), None);
        assert_eq!(join(&directory).unwrap(), 8);
        assert_eq!(join(&directory).unwrap(), 8);
        for broken in ["", "x\ny\n", "7"] {
            fs::write(directory.place().path().join("epoch"), broken).unwrap();
            join(&directory).unwrap_err();
        }
    }
}
