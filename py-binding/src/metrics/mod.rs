//! The general API for recording, without Conductor: registries, metrics and running measurements.

pub(crate) mod counter;
pub(crate) mod gauge;
mod labelled;
mod options;
pub(crate) mod registry;
pub(crate) mod running;
pub(crate) mod timer;
