//! The command `ictus`, as users run it.

use std::{net::SocketAddr, path::Path};

use super::terminal::{self, StartedCommand};

/// Starts `ictus serve` on a port that the system chooses.
pub(crate) fn serve(directory: &Path) -> (StartedCommand, SocketAddr) {
    terminal::serve(directory, &[])
}

/// Starts `ictus write`, to a file and five times a second.
pub(crate) fn write(directory: &Path, surface: &str, output: &Path) -> StartedCommand {
    let output = output.display().to_string();
    let options = ["--interval", "0.2", "--surface", surface, "--output", &output];
    terminal::start("write", directory, &options)
}

/// Returns the output of `ictus dump`.
pub(crate) fn dump(directory: &Path, surface: &str) -> String {
    let output = terminal::ictus().arg("dump").arg(directory).args(["--surface", surface]).output().unwrap();
    let (code, printed, said) = terminal::outcome(&output);
    assert_eq!(code, Some(0), "{surface}: {said}");
    printed
}
