//! The resources that hostile clients can take from `ictus serve`.
//!
//! Each attack prints its figures, and has a bound of memory and time. `make attack` runs the
//! attacks in their long form.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, in its helpers too, and prints what it measured"
)]
mod endpoint;
mod heads;
#[path = "../http_client/mod.rs"]
mod http_client;
mod logins;
mod never_read;
mod slow;
#[path = "../terminal/mod.rs"]
mod terminal;

/// Returns the scale of an attack, compared with `make test`.
fn scale() -> usize {
    std::env::var("ICTUS_ATTACK_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1)
}
