//! Registries, families and handles: what a snapshot shows of what threads recorded.

mod initial_zero;
mod limits;
mod thread_exit;
mod threads;
