//! The limit on the size of a file that the process writes (`RLIMIT_FSIZE`).

use std::io;

use rustix::{
    io::Errno,
    process::{Resource, getrlimit},
};

/// Refuses to make a file longer than the process may. The kernel would send SIGXFSZ, which ends a
/// process that does not expect it.
pub(crate) fn check(end: usize) -> io::Result<()> {
    match getrlimit(Resource::Fsize).current {
        Some(limit) if limit < end as u64 => Err(Errno::FBIG.into()),
        _ => Ok(()),
    }
}
