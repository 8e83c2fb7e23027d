//! The recording side of the drop-in for the Conductor SDK: its collector's methods, natively.

pub(crate) mod collector;
mod lookup;
mod recorder;
mod seen;
