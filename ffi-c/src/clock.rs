//! Clock readings, for measurements that begin or end.

use ictus::Stopwatch;

/// Returns the current time, for the functions `_observe_since` and `_observe_at` of timers
/// in this process. The number has no other meaning.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_now() -> u64 {
    Stopwatch::start().to_bits()
}
