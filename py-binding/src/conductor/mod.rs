//! The recording part of the drop-in for the Conductor SDK: native methods of the SDK's collector.

mod catalog_metrics;
pub(crate) mod collector;
mod handle_cache;
mod identity_cache;
