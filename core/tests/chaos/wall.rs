//! The wall's clock, as processes that the test starts see it: libfaketime tells them what a file says, where it
//! is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where Debian has it.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

pub(crate) struct Wall(PathBuf);

impl Wall {
    /// None where the library is not installed.
    pub(crate) fn new(home: &Path) -> Option<Wall> {
        let wall = Path::new(LIBRARY).exists().then(|| Wall(home.join("wall")))?;
        wall.move_by(0);
        Some(wall)
    }

    /// From now on it is so many seconds away from the true one, for those that run and those that come.
    pub(crate) fn move_by(&self, seconds: i64) {
        // As a whole: whoever reads it meanwhile reads one or the other.
        let part = self.0.with_extension("part");
        fs::write(&part, format!("{seconds:+}\n")).unwrap();
        fs::rename(part, &self.0).unwrap();
    }

    pub(crate) fn show_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", LIBRARY);
        command.env("FAKETIME_TIMESTAMP_FILE", &self.0);
        // Looked at each time; and the clock of this boot is as it is.
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}
