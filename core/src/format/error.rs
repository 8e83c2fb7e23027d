//! Why a segment cannot be read.

use std::{fmt, io};

use super::{
    budget::{OverBudget, is_over_budget},
    layout::VERSION,
};

/// Why a segment is not shown.
#[derive(Debug)]
pub(crate) enum Bad {
    Source(io::Error),
    Header(&'static str),
    Newer(u32),
    Body(&'static str),
    /// It takes more time or memory than its size explains.
    Budget,
    Overrun,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bad::Source(error) => write!(f, "it cannot be read: {error}"),
            Bad::Header(what) => write!(f, "its header does not hold: {what}"),
            Bad::Newer(version) => {
                write!(
                    f,
                    "its format is version {version}, this reader knows up to {VERSION}; upgrade the reader"
                )
            }
            Bad::Body(what) => write!(f, "it is corrupt: {what}"),
            Bad::Budget => write!(f, "it is corrupt: {OverBudget}"),
            Bad::Overrun => f.write_str("its writer was faster than every attempt to read it"),
        }
    }
}

impl From<io::Error> for Bad {
    fn from(error: io::Error) -> Bad {
        if is_over_budget(&error) { Bad::Budget } else { Bad::Source(error) }
    }
}
