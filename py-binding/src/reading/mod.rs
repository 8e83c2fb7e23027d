//! Recorded data as Python objects.

pub(crate) mod directory;
pub(crate) mod snapshot;
pub(crate) mod timing;
