//! The wall clock of the processes that the test starts: libfaketime, where it is installed, reads
//! the time from a file.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use super::faketime;

pub(crate) struct WallClock {
    library: String,
    file: PathBuf,
    /// The offset to the true time, in seconds.
    off: i64,
}

impl Drop for WallClock {
    fn drop(&mut self) {
        faketime::remove_stale();
    }
}

impl WallClock {
    /// Creates the clock. Returns none if the library is not installed.
    pub(crate) fn new(home: &Path) -> Option<WallClock> {
        // The path in Debian.
        let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", env::consts::ARCH);
        if !Path::new(&library).exists() {
            assert!(env::var("CI").as_deref() != Ok("true"), "continuous integration must have faketime");
            println!("the wall's clock stays as it is: faketime is not installed");
            return None;
        }
        faketime::remove_stale();
        let mut wall = WallClock { library, file: home.join("wall"), off: 0 };
        wall.move_by(0);
        Some(wall)
    }

    /// Sets the offset to the true time, for running and for new processes.
    pub(crate) fn move_by(&mut self, seconds: i64) {
        // Replace the file as a whole, so that a concurrent reader gets the old content or the new
        // one.
        let part = self.file.with_extension("part");
        fs::write(&part, format!("{seconds:+}\n")).unwrap();
        fs::rename(part, &self.file).unwrap();
        self.off = seconds;
    }

    /// Whether `time`, in nanoseconds since 1970, is about the time that the clock shows.
    pub(crate) fn shows(&self, time: u64) -> bool {
        let true_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        (time as i64 / 1_000_000_000 - true_time - self.off).abs() < 60
    }

    pub(crate) fn show_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library);
        command.env("FAKETIME_TIMESTAMP_FILE", &self.file);
        // Read the file each time, and leave the monotonic clock as it is.
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}
