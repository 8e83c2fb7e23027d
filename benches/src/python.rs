//! Clients that are written in Python: programs of this folder, each in a separate process.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A program that answers each line with a line.
#[derive(Debug)]
pub(crate) struct Program {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// Whether the Python clients are installed.
#[must_use]
pub(crate) fn is_installed() -> bool {
    python().exists()
}

/// Returns the interpreter for which `make venv` installs the clients.
fn python() -> PathBuf {
    folder().join("../.venv/bin/python")
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Program {
    /// Starts a program. It writes its first line without a request.
    pub(crate) fn start(script: &str, arguments: &[String]) -> Program {
        let mut process = Command::new(python())
            .arg(folder().join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python of .venv");
        let stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        Program { stdin: process.stdin.take(), stdout, process }
    }

    /// Requests one more line, and returns it.
    pub(crate) fn request(&mut self) -> String {
        writeln!(self.stdin.as_mut().expect("it runs")).expect("it runs");
        self.read_line()
    }

    /// Reads the next line.
    pub(crate) fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it runs");
        line.trim().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The program ends at the end of its input.
        self.stdin = None;
        let _ = self.process.wait();
    }
}
