//! Instruction counts by callgrind: unlike times, they are the same in every run.
//!
//! A program runs twice under callgrind, with a whole batch of work and with half of it. The
//! difference cancels the instructions that both runs share.

use std::{env, fs, io, process::Command};

use crate::candidate::Candidate;

/// The argument that makes this program only run a candidate's work.
const WORK_FLAG: &str = "--work";

/// Whether callgrind is installed.
#[must_use]
pub fn is_installed() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Returns the instructions of one repetition of a candidate. Runs this program, which must call
/// [`run_if_requested`] before anything else.
///
/// # Errors
///
/// Fails if valgrind cannot be run, or prints no total.
pub fn count(id: &str) -> io::Result<f64> {
    let (whole, times) = run(id, 1.0)?;
    let (half, half_times) = run(id, 0.5)?;
    Ok((whole - half) / (times - half_times))
}

/// Runs a part of a batch of a candidate's work and nothing else, if this program was started for
/// that. Returns whether it was.
pub fn run_if_requested(find: impl Fn(&str) -> Option<Candidate>) -> bool {
    let arguments: Vec<String> = env::args().collect();
    let [_, flag, id, part] = arguments.as_slice() else { return false };
    if flag != WORK_FLAG {
        return false;
    }
    let mut candidate = find(id).unwrap_or_else(|| panic!("{id} is a candidate"));
    println!("{}", candidate.run(part.parse().expect("a part of a batch")));
    true
}

fn run(id: &str, part: f64) -> io::Result<(f64, f64)> {
    let file = tempfile::NamedTempFile::new()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", &format!("--callgrind-out-file={}", file.path().display())])
        .arg(env::current_exe()?)
        .args([WORK_FLAG, id, &part.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let profile = fs::read_to_string(file.path())?;
    match (total(&profile), text.trim().parse()) {
        (Some(total), Ok(times)) if output.status.success() => Ok((total, times)),
        _ => Err(io::Error::other(format!("{id}: {}", String::from_utf8_lossy(&output.stderr)))),
    }
}

/// Returns the total of a file that callgrind wrote.
fn total(file: &str) -> Option<f64> {
    file.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn total_is_parsed() {
        assert_eq!(total("events: Ir\nsummary: 12\n\nfn=(1)\n12 3\n\ntotals: 123456\n"), Some(123_456.0));
        assert_eq!(total("events: Ir\n"), None);
    }
}
