//! The maximum size of a series in an exposition, in proportion to its bytes in a segment.

use super::{
    descriptor::FamilyDescriptor,
    layout::{CHUNK_SLOTS, LINE},
};
use crate::catalog::Kind;

/// Bytes of an exposition for each byte of a series in a segment.
const SHOWN_RATIO: u64 = 64;
/// Samples of a timer without buckets: quantiles, count, sum, and the newest observation.
const TIMER_SAMPLES: usize = 9;
/// Bytes of a lane, and of the first chunk of a timer's ring.
const LANE_BYTES: usize = LINE;
const CHUNK_BYTES: usize = LINE + 16 * CHUNK_SLOTS as usize;

impl FamilyDescriptor {
    /// Returns the maximum number of bytes of one series in an exposition, if its label values have
    /// `values` bytes. Escaping is not counted.
    pub(crate) fn shown_bytes(&self, values: usize) -> u64 {
        let samples = match self.kind {
            Kind::Counter | Kind::Gauge => 1,
            Kind::Timer if self.distribution => TIMER_SAMPLES + self.bounds.len() + 1,
            Kind::Timer => TIMER_SAMPLES,
        };
        (samples as u64).saturating_mul((self.names_bytes() + values) as u64)
    }

    /// Returns whether a series with `values` bytes of label values has enough bytes in a segment
    /// for its bytes in an exposition. A writer rejects other series, because a reader would reject
    /// the segment.
    pub(crate) fn may_have(&self, values: usize) -> bool {
        let timer = if self.kind == Kind::Timer { CHUNK_BYTES + 8 * self.bounds.len() } else { 0 };
        let own = LANE_BYTES + values + timer;
        self.shown_bytes(values) <= shown_allowance(own as u64)
    }
}

/// Returns the number of bytes of an exposition that are allowed for `stored` bytes of a file.
pub(crate) fn shown_allowance(stored: u64) -> u64 {
    stored.saturating_mul(SHOWN_RATIO)
}

/// As [`shown_allowance`], for a totals file, which has fewer bytes per series because it has no
/// ring.
pub(crate) fn totals_shown_allowance(stored: u64) -> u64 {
    shown_allowance(stored).saturating_mul(8)
}

#[cfg(test)]
mod tests {
    use crate::{catalog::Kind, format::descriptor::FamilyDescriptor};

    #[test]
    fn series_of_usual_families_are_always_allowed() {
        let usual = |kind, bounds: usize| FamilyDescriptor {
            distribution: true,
            bounds: (0..bounds).map(|bound| bound as f64).collect(),
            ..FamilyDescriptor::test_fixture(&"n".repeat(150), kind, &["label_of_some_length"; 20])
        };
        for values in [0, 10, 1_000, 64 << 10, 1 << 20] {
            for kind in [Kind::Counter, Kind::Gauge] {
                assert!(usual(kind, 0).may_have(values), "{values}");
            }
            assert!(
                [0, 14, 40].iter().all(|&bounds| usual(Kind::Timer, bounds).may_have(values)),
                "{values}"
            );
        }
        let many = FamilyDescriptor { name: "n".into(), ..usual(Kind::Timer, 1_000) };
        let many = FamilyDescriptor { labels: vec!["label".into(); 20], ..many };
        assert!(many.may_have(200) && !many.may_have(64 << 10));
    }
}
