//! Instants at which measurements begin.

use ictus::Stopwatch;

/// Now, for `ictus_timer_observe_since` in this process. Nothing else is to be read from the
/// number.
#[unsafe(no_mangle)]
pub extern "C" fn ictus_now() -> u64 {
    Stopwatch::start().to_bits()
}
