//! Faults at random: workers are killed and forked and lose their files, the disk fills up, the
//! directory becomes read-only, and the wall clock jumps.
//!
//! Meanwhile readers retire segments and are killed. An oracle, which reads the last number that
//! each thread acknowledged, checks every scrape.
//!
//! `make chaos` runs the test for a minute.
//! `ICTUS_CHAOS_SECONDS=3600 ICTUS_CHAOS_SEED=7 make chaos` sets its duration and its seed.
//! `cargo test` runs it for some seconds. A failure is printed with its seed.
//!
//! The test runs in a separate process, because its workers are this program.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and says what it saw"
)]
#![expect(unsafe_code, reason = "signals, and a forked child's end")]

#[path = "../faketime/mod.rs"]
mod faketime;
mod faults;
mod modes;
mod oracle;
#[path = "../tmpfs/mod.rs"]
mod tmpfs;
mod wall_clock;
mod worker;

use std::{
    env,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use faults::Faults;
use tmpfs::Tmpfs;

/// The size of the disk: enough for some hundred workers, and soon filled by a filler.
const DISK: &str = "192m";

/// A generator of pseudorandom numbers.
pub(crate) struct Dice(u64);

impl Dice {
    /// Returns a number below a limit.
    pub(crate) fn roll(&mut self, limit: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|given| given.parse().unwrap())
}

#[test]
fn acknowledged_observations_survive_random_faults() {
    let seconds = number("ICTUS_CHAOS_SECONDS").unwrap_or(8);
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = number("ICTUS_CHAOS_SEED").unwrap_or_else(now);
    println!("ICTUS_CHAOS_SEED={seed}");
    let home = tempfile::tempdir().unwrap();
    let metrics = home.path().join("metrics");
    std::fs::create_dir(&metrics).unwrap();
    let disk = Tmpfs::mount(&metrics, DISK);
    let mut faults = Faults::new(home.path(), &metrics, disk.is_some(), Dice(seed));
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        faults.step();
    }
    println!("{}", faults.end());
}
