//! Endpoints, files and the command, which run on the exporter's threads. These never touch Python.

pub(crate) mod application;
pub(crate) mod command;
mod merge_queue;
pub(crate) mod provider;
pub(crate) mod security;
pub(crate) mod server;
