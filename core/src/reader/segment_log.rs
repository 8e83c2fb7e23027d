//! Log lines about unreadable segments: the first few of a snapshot by name, then a count.

use crate::{directory::access::MetricsPath, format::error::SegmentError, printable::Printable};

/// Segments that one snapshot names.
const MAX_NAMED: usize = 8;

/// What a snapshot logs about segments.
#[derive(Debug, Default)]
pub(crate) struct SegmentLog {
    logged: usize,
}

impl SegmentLog {
    /// Says that a segment is left out.
    pub(crate) fn left_out(&mut self, place: &MetricsPath, id: u64, bad: &SegmentError) {
        if self.logged < MAX_NAMED {
            let path = place.segment_path(id);
            log::warn!("{}", Printable(format_args!("{} is left out: {bad}", path.display())));
        }
        self.logged += 1;
    }

    /// Says how many segments were not named.
    pub(crate) fn finish(&mut self, place: &MetricsPath) {
        let more = self.logged.saturating_sub(MAX_NAMED);
        if more > 0 {
            let path = place.path();
            log::warn!(
                "{}",
                Printable(format_args!("{more} more segments in {} are left out", path.display()))
            );
        }
        self.logged = 0;
    }
}
