//! The endpoint that Prometheus scrapes.
//!
//! `GET` and `HEAD` of `/metrics`, with `?surface=` for another view; `/` and `/health` answer
//! `OK`. Idle, slow and broken clients cost a slot each for a bounded time and delay nobody.

mod route;
mod server;

pub use server::Server;
