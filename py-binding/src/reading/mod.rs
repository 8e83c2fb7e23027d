//! What was recorded, as Python objects.

pub(crate) mod directory;
pub(crate) mod snapshot;
pub(crate) mod timing;
