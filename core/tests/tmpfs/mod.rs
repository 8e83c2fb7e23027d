//! A small file system that fills up soon, for the tests of every crate that writes files.
#![allow(clippy::print_stdout, reason = "a test says what it skips")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A small file system, mounted until this value is dropped.
pub(crate) struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts the file system. Returns none if this user may not mount.
    pub(crate) fn mount(path: &Path, size: &str) -> Option<Tmpfs> {
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path)
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "continuous integration must be able to mount a tmpfs"
            );
            println!("skipped: mounting a tmpfs needs root");
        }
        mounted.then(|| Tmpfs(path.to_owned()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
