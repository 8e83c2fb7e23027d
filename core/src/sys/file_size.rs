//! The limit on the size of files that the process writes (`RLIMIT_FSIZE`).

use std::io;

use rustix::{
    io::Errno,
    process::{Resource, getrlimit},
};

/// Fails if a file of length `end` would exceed the limit. The kernel would otherwise send SIGXFSZ,
/// which ends a process that does not handle it.
pub(crate) fn check(end: usize) -> io::Result<()> {
    match getrlimit(Resource::Fsize).current {
        Some(limit) if limit < end as u64 => Err(Errno::FBIG.into()),
        _ => Ok(()),
    }
}
