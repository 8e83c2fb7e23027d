//! What tests with C programs share.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A library as cargo built it for this test: it lies beside the test's own program.
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
