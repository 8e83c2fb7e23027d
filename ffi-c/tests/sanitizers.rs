//! The C and C++ test programs with every memory access checked: by the compiler's sanitizers, and
//! by valgrind. Leaks are not checked: lanes are never freed, because a signal handler may hold
//! one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use common::{WARNINGS, cc, cxx, include, install_shared, run};
use tempfile::TempDir;

const SANITIZERS: &[&str] = &["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

const C_PROGRAMS: [&str; 3] = ["smoke.c", "threads.c", "options.c"];

struct Program {
    build: TempDir,
}

impl Program {
    /// Compiles a file of `tests/c` against the shared library.
    fn new(compiler: &str, standard: &str, source: &str, options: &[&str]) -> Program {
        let build = tempfile::tempdir().unwrap();
        let installed = install_shared(build.path());
        let mut command = Command::new(compiler);
        command.args([standard, "-O1"]).args(WARNINGS).args(options).arg("-I").arg(include());
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(source));
        command.arg("-o").arg(build.path().join("program"));
        run(command.arg("-L").arg(installed).args(["-lictus", "-pthread", "-lm"]));
        Program { build }
    }

    fn path(&self) -> PathBuf {
        self.build.path().join("program")
    }

    /// Runs the program on a new directory, under another program if `by` is given.
    fn run(&self, by: Option<&mut Command>) {
        let directory = tempfile::tempdir().unwrap();
        let mut alone = Command::new(self.path());
        let command = match by {
            Some(by) => by.arg(self.path()),
            None => &mut alone,
        };
        run(command
            .arg(directory.path())
            .env("LD_LIBRARY_PATH", self.build.path())
            .env("ASAN_OPTIONS", "detect_leaks=0"));
    }
}

/// Returns a C++ compiler. Panics without one in continuous integration.
fn cxx_or_skip() -> Option<String> {
    let compiler = cxx();
    assert!(compiler.is_some() || env::var("CI").as_deref() != Ok("true"), "there is no C++ compiler");
    if compiler.is_none() {
        eprintln!("SKIPPED: there is no C++ compiler");
    }
    compiler
}

#[test]
fn c_programs_pass_the_sanitizers() {
    for source in C_PROGRAMS {
        Program::new(&cc(), "-std=c99", source, SANITIZERS).run(None);
    }
}

#[test]
fn cpp_wrapper_passes_the_sanitizers() {
    if let Some(cxx) = cxx_or_skip() {
        Program::new(&cxx, "-std=c++17", "wrapper.cpp", &[]).run(None);
        Program::new(&cxx, "-std=c++17", "wrapper.cpp", SANITIZERS).run(None);
    }
}

#[test]
fn c_programs_pass_valgrind() {
    let is_there = Command::new("valgrind").arg("--version").output().is_ok();
    assert!(is_there || env::var("CI").as_deref() != Ok("true"), "valgrind is not installed");
    if !is_there {
        return eprintln!("SKIPPED: valgrind is not installed");
    }
    for source in C_PROGRAMS {
        let program = Program::new(&cc(), "-std=c99", source, &["-g"]);
        // A search for leaks would read each word of the mappings, including pages that are not yet
        // there.
        let options = ["--quiet", "--error-exitcode=9", "--leak-check=no"];
        program.run(Some(Command::new("valgrind").args(options)));
    }
}
