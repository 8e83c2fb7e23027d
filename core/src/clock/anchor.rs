//! Anchors: timestamps with the wall clock's time, by which timestamps of different clocks are
//! ordered.

use super::{now, rate_of_stamps, wall};

/// A timestamp and the wall clock's time at that instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Anchor {
    pub(crate) stamp: u64,
    /// Nanoseconds since 1970.
    pub(crate) wall: u64,
    /// The maximum distance between the two clock readings, in clock ticks.
    pub(crate) uncertainty: u64,
    /// Seconds per clock tick; 0 if the process does not know the rate.
    pub(crate) rate: f64,
}

/// Clock ticks between two readings without an interruption.
const TIGHT: u64 = 1_000;
const MAX_ATTEMPTS: usize = 8;

impl Anchor {
    /// Returns an anchor of now. Several readings are made and the tightest is used, because a
    /// thread can be stopped between two instructions.
    pub(crate) fn now() -> Anchor {
        let mut best = read_once();
        for _ in 1..MAX_ATTEMPTS {
            if best.uncertainty <= TIGHT {
                break;
            }
            let next = read_once();
            if next.uncertainty < best.uncertainty {
                best = next;
            }
        }
        best
    }
}

fn read_once() -> Anchor {
    let start = now();
    let wall = wall();
    let width = now().saturating_sub(start);
    let uncertainty = width.div_ceil(2);
    Anchor { stamp: start + width / 2, wall, uncertainty, rate: rate_of_stamps() }
}

#[cfg(test)]
mod tests {
    use super::Anchor;
    use crate::clock::{now, wall};

    #[test]
    fn anchor_has_the_current_time() {
        let (stamp, time) = (now(), wall());
        let anchor = Anchor::now();
        assert!((stamp..=now()).contains(&anchor.stamp), "{anchor:?}");
        assert!(anchor.wall.abs_diff(time) < 10_000_000_000, "{anchor:?}");
        assert!(anchor.rate == 0.0 || (1e-11..1e-6).contains(&anchor.rate), "{anchor:?}");
    }
}
