//! Recording without Conductor: registries, their metrics, and measurements that run.

pub(crate) mod counter;
pub(crate) mod gauge;
mod labelled;
mod options;
pub(crate) mod registry;
pub(crate) mod running;
pub(crate) mod timer;
