//! Helpers of the tests with C programs.
#![allow(dead_code, reason = "no program needs all of it")]

use std::{
    env,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

pub(crate) const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// Returns a library that cargo built for this test: it is in the folder of the test's own program.
pub(crate) fn library(name: &str) -> PathBuf {
    let program = env::current_exe().unwrap();
    let library = program.parent().unwrap().join(name);
    assert!(library.is_file(), "cargo did not build {}", library.display());
    library
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{complaint}", output.status);
    output
}

pub(crate) fn soname() -> String {
    format!("libictus.so.{}", env!("CARGO_PKG_VERSION_MAJOR"))
}

/// Links the shared library under the names under which it is installed.
pub(crate) fn install_shared(to: &Path) -> PathBuf {
    let soname = soname();
    symlink(library("libictus_ffi.so"), to.join(&soname)).unwrap();
    symlink(soname, to.join("libictus.so")).unwrap();
    to.to_owned()
}

pub(crate) fn include() -> PathBuf {
    repository().join("include")
}

pub(crate) fn cc() -> String {
    env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

pub(crate) fn cxx() -> Option<String> {
    let candidates = env::var("CXX").into_iter().chain(["c++", "g++", "clang++"].map(str::to_owned));
    candidates.into_iter().find(|compiler| Command::new(compiler).arg("--version").output().is_ok())
}
