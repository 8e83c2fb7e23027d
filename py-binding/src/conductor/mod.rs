//! The recording part of the drop-in for the Conductor SDK: native methods of the SDK's collector.

mod catalog_metrics;
pub(crate) mod collector;
mod event_records;
mod events;
mod handle_cache;
mod identity_cache;
