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
    pub(crate) fn log_skipped(&mut self, metrics_path: &MetricsPath, id: u64, bad: &SegmentError) {
        if self.logged < MAX_NAMED {
            let path = metrics_path.segment_path(id);
            let cause = format!("{bad}{}", remedy(bad));
            log::warn!("{}", Printable(format_args!("{} is left out: {cause}", path.display())));
        }
        self.logged += 1;
    }

    /// Logs how many more segments are left out.
    pub(crate) fn finish(&mut self, metrics_path: &MetricsPath) {
        let more = self.logged.saturating_sub(MAX_NAMED);
        if more > 0 {
            let path = metrics_path.path();
            log::warn!(
                "{}",
                Printable(format_args!("{more} more segments in {} are left out", path.display()))
            );
        }
        self.logged = 0;
    }
}

/// Returns the remedy of a segment that cannot be read, if its error does not state it.
fn remedy(bad: &SegmentError) -> &'static str {
    match bad {
        SegmentError::InvalidHeader(_) | SegmentError::Corrupt(_) | SegmentError::OverBudget => {
            "; when its process has ended, remove it with `ictus check --repair`"
        }
        SegmentError::WriterTooFast => "; the next snapshot reads it again",
        SegmentError::UnsupportedVersion(_) | SegmentError::Io(_) => "",
    }
}
