//! The recording part of the drop-in for the Conductor SDK: native methods of the SDK's collector.

pub(crate) mod collector;
mod lookup;
mod recorder;
mod seen;
