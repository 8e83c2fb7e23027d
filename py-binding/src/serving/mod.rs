//! Endpoints, files and the command, which run on the exporter's threads. These never touch Python.

pub(crate) mod answer;
pub(crate) mod command;
mod guests;
pub(crate) mod provide;
pub(crate) mod security;
pub(crate) mod server;
