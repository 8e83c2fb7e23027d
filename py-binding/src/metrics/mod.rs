//! The general API for recording, without Conductor: registries, metrics and running measurements.

pub(crate) mod counter;
pub(crate) mod gauge;
mod labelled_family;
mod options;
pub(crate) mod registry;
pub(crate) mod timer;
pub(crate) mod timer_context;
