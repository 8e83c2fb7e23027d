//! Log messages about unreadable segments: the first few of a snapshot by name, the rest as a
//! count.

use crate::{directory::access::MetricsPath, format::error::SegmentError, printable::Printable};

/// Maximum number of segments that one snapshot names.
const MAX_NAMED: usize = 8;

/// The log messages of one snapshot.
#[derive(Debug, Default)]
pub(crate) struct SegmentLog {
    logged: usize,
}

impl SegmentLog {
    /// Logs that a segment is left out.
    pub(crate) fn left_out(&mut self, place: &MetricsPath, id: u64, bad: &SegmentError) {
        if self.logged < MAX_NAMED {
            let path = place.segment_path(id);
            log::warn!("{}", Printable(format_args!("{} is left out: {bad}", path.display())));
        }
        self.logged += 1;
    }

    /// Logs how many more segments are left out.
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
