//! The errors of reading a segment.

use std::{fmt, io};

use super::{
    budget::{OverBudget, is_over_budget},
    layout::VERSION,
};

/// A reason why a segment cannot be read.
#[derive(Debug)]
pub(crate) enum SegmentError {
    Io(io::Error),
    InvalidHeader(&'static str),
    UnsupportedVersion(u32),
    Corrupt(&'static str),
    /// Reading takes more time or memory than the segment's size justifies.
    OverBudget,
    WriterTooFast,
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SegmentError::Io(error) => write!(f, "it cannot be read: {error}"),
            SegmentError::InvalidHeader(what) => write!(f, "its header is invalid: {what}"),
            SegmentError::UnsupportedVersion(version) => {
                write!(
                    f,
                    "its format has version {version}, and this reader supports versions up to {VERSION}; upgrade the reader"
                )
            }
            SegmentError::Corrupt(what) => write!(f, "it is corrupt: {what}"),
            SegmentError::OverBudget => write!(f, "it is corrupt: {OverBudget}"),
            SegmentError::WriterTooFast => f.write_str("it changed during every attempt to read it"),
        }
    }
}

impl From<io::Error> for SegmentError {
    fn from(error: io::Error) -> SegmentError {
        if is_over_budget(&error) { SegmentError::OverBudget } else { SegmentError::Io(error) }
    }
}
