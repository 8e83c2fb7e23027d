//! What serves and writes expositions: on threads of the exporter's, which never touch Python.

pub(crate) mod answer;
pub(crate) mod command;
mod guests;
pub(crate) mod provide;
pub(crate) mod security;
pub(crate) mod server;
