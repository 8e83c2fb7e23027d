//! The share of one lane, or of the totals, in a series.
//!
//! A reader has one for each lane of each process, so that its bytes count.

use std::sync::Arc;

use super::packed_buckets::PackedBuckets;
use crate::{
    format::{descriptor::FamilyDescriptor, series_word::SeriesWord},
    reader::totals::SeriesTotal,
    snapshot::Exemplar,
    sum::ExactSum,
};

/// The share of one lane, or of the totals, in a series.
#[derive(Debug)]
pub(crate) struct LaneShare {
    /// The series word, which identifies the incarnation of the lane.
    pub(crate) word: SeriesWord,
    pub(crate) record: Arc<FamilyDescriptor>,
    /// The label values that the share was recorded under, if this is the overflow series.
    pub(crate) labels: Option<Arc<[String]>>,
    pub(crate) total: LaneTotal,
    /// Epoch and timestamp of its newest observation.
    pub(crate) newest: Option<(u32, u64)>,
    /// Whether the lane is being read again, for observations that fell out of the window.
    pub(crate) rereading: bool,
}

/// The numbers of a [`SeriesTotal`], with its buckets packed, and without observations, which are in
/// the window of the series.
#[derive(Clone, Debug)]
pub(crate) struct LaneTotal {
    pub(crate) lanes: u64,
    pub(crate) since: u64,
    pub(crate) begun: u64,
    pub(crate) count: u64,
    pub(crate) sum: ExactSum,
    pub(crate) state: f64,
    pub(crate) buckets: PackedBuckets,
    pub(crate) exemplars: Box<[Exemplar]>,
}

impl LaneTotal {
    /// Packs a total. `shared_bounds` holds the bounds of another share, for sharing them.
    pub(crate) fn new(total: SeriesTotal, shared_bounds: &Arc<[f64]>) -> LaneTotal {
        let SeriesTotal { lanes, since, begun, count, sum, state, distribution, exemplars, newest: _ } =
            total;
        let (buckets, exemplars) = (PackedBuckets::new(&distribution, shared_bounds), exemplars.into());
        LaneTotal { lanes, since, begun, count, sum, state, buckets, exemplars }
    }
}
