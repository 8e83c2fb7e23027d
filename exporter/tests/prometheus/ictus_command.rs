//! The command `ictus`, as users run it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use super::programs::{Running, tied};

fn ictus() -> Command {
    let mut command = tied(env!("CARGO_BIN_EXE_ictus"));
    command.env_remove("ICTUS_SURFACES");
    command
}

/// `ictus serve`, on a port that the system chooses.
pub(crate) fn serve(directory: &Path) -> (Running, SocketAddr) {
    let mut command = ictus();
    command.arg("serve").arg(directory).args(["--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
    let mut running = Running::new(&mut command);
    let mut line = String::new();
    BufReader::new(running.child().stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.and_then(|address| address.parse().ok());
    (running, address.unwrap_or_else(|| panic!("no address in {line:?}")))
}

/// `ictus write`, to a file and five times a second.
pub(crate) fn write(directory: &Path, surface: &str, output: &Path) -> Running {
    let mut command = ictus();
    command.arg("write").arg(directory).args(["--interval", "0.2", "--surface", surface]);
    Running::new(command.arg("--output").arg(output).stderr(Stdio::null()))
}

/// What `ictus dump` prints.
pub(crate) fn dump(directory: &Path, surface: &str) -> String {
    let output = ictus().arg("dump").arg(directory).args(["--surface", surface]).output().unwrap();
    assert!(output.status.success(), "{surface}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
