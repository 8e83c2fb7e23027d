//! Faults of a host program at each moment of its recording, from C and Rust.
//!
//! `faults/matrix.py` runs this program again, as the Rust recorder and as the reader, next to a C
//! program. `make faults` runs all cells, with those of Python; `cargo test` runs one moment of
//! each fault.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise and says what it skips"
)]

#[path = "../common/mod.rs"]
mod common;
mod host;
mod reader;
mod recorder;

use std::{env, process::Command};

use common::{cc, include, install_shared, repository, run};

/// Names the arguments of `faults/matrix.py`, in place of those of the short form.
const ARGUMENTS: &str = "ICTUS_FAULTS";

#[test]
fn faults_of_the_host_lose_nothing() {
    if Command::new("python3").arg("--version").output().is_err() {
        assert!(env::var("CI").as_deref() != Ok("true"), "continuous integration must have python3");
        println!("skipped: faults/matrix.py needs python3");
        return;
    }
    let build = tempfile::tempdir().unwrap();
    let faults = repository().join("faults");
    let library = install_shared(build.path());
    let (host, record) = (build.path().join("host.so"), build.path().join("record"));
    let compile = || {
        let mut command = Command::new(cc());
        command.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-pthread"]);
        command
    };
    run(compile().args(["-shared", "-fPIC"]).arg(faults.join("host.c")).arg("-o").arg(&host));
    let sources = ["record.c", "host.c"].map(|source| faults.join(source));
    let libraries = ["-lictus".into(), format!("-Wl,-rpath,{}", library.display())];
    run(compile()
        .arg("-I")
        .arg(include())
        .args(sources)
        .arg("-L")
        .arg(&library)
        .args(libraries)
        .arg("-o")
        .arg(&record));

    let arguments = env::var(ARGUMENTS).unwrap_or_else(|_| "--short c rust".to_owned());
    let status = Command::new("python3")
        .arg(faults.join("matrix.py"))
        .args(arguments.split_whitespace())
        .env("FAULTS_HOST", host)
        .env("FAULTS_C", record)
        .env("FAULTS_RUST", env::current_exe().unwrap())
        .status();
    assert!(status.unwrap().success(), "see above which cells failed");
}
