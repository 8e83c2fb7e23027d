//! Replacement of a file as a whole: a reader sees the old bytes or the new ones.

use std::{
    fs::File,
    io::{self, Write},
};

use rustix::{fs::fstatvfs, io::Errno};

use super::{Directory, TOTALS, file_names::TEMP_PREFIX};
use crate::failpoint;

impl Directory {
    /// Replaces the totals by a file of `length` bytes. The new file is written to the disk and read
    /// back before it gets its name.
    pub(crate) fn replace_totals<E: From<io::Error>>(
        &self,
        length: u64,
        write: impl FnOnce(&mut File) -> io::Result<()>,
        check: impl FnOnce(&mut File) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect_room(length)?;
        let read_back = || match self.open_existing(&format!("{TEMP_PREFIX}{TOTALS}"))? {
            Some(mut written) => check(&mut written),
            None => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        };
        self.replace_by(TOTALS, write, read_back)
    }

    /// Fails if the file system has fewer than `bytes` free bytes. A partly written file would take
    /// space that live segments need.
    fn expect_room(&self, bytes: u64) -> io::Result<()> {
        let system = fstatvfs(&self.folder)?;
        // A tmpfs without a limit reports no blocks.
        let is_full = system.f_blocks > 0 && system.f_bfree.saturating_mul(system.f_frsize) < bytes;
        if is_full { Err(Errno::NOSPC.into()) } else { Ok(()) }
    }

    /// Replaces a file as a whole and durably. Requires the directory's lock. A reader sees the old
    /// bytes or the new ones, also after a crash of the machine.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.replace_by(name, |file| file.write_all(bytes), || Ok(()))
    }

    fn replace_by<E: From<io::Error>>(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let new = format!("{TEMP_PREFIX}{name}");
        // A process that held the lock before may have died here.
        self.remove(&new)?;
        let written = self.write_new(&new, write).map_err(E::from).and_then(|()| check());
        let replaced = written.and_then(|()| Ok(self.rename(&new, name)?));
        if replaced.is_err() {
            // The unfinished file would take space.
            let _ = self.remove(&new);
            return replaced;
        }
        failpoint::hit("totals/renamed");
        self.folder.sync_all()?;
        failpoint::hit("totals/directory synced");
        Ok(())
    }

    fn write_new(&self, new: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let mut file = self.create_file(new)?;
        write(&mut file)?;
        failpoint::hit("totals/written");
        file.sync_all()?;
        failpoint::hit("totals/synced");
        Ok(())
    }
}
