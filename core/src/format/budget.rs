//! The budget of one read of a segment. Each read is charged in advance, and fails once the budget
//! is spent.
//!
//! A reader copies words, and keeps at most a fixed multiple of the copied words. So the number of
//! bytes copied, plus a surcharge per call, bounds both its time and its memory. The budget is a
//! fixed multiple of the bytes that the segment's file has on disk. A file that exceeds it leads
//! the reader to the same bytes again and again.

use std::{cell::Cell, error::Error, fmt, io};

use super::{layout::LINE, shown_size::shown_allowance, source::SegmentSource};

/// Bytes that may be copied for each byte on disk. A reader copies a lane again each time that the
/// lane's writer overtakes it, and in a segment with few lanes all writers may do so.
const COPIES: u64 = 64;
/// Additional bytes for small segments.
const ALLOWANCE: u64 = 256 << 10;
/// The cost of a call, in bytes.
const CALL: u64 = 2 * LINE as u64;

/// A source of words that charges each read to a budget.
#[derive(Debug)]
pub(crate) struct Metered<W> {
    source: W,
    steps: Cell<u64>,
    /// The remaining budget for bytes of an exposition.
    shown: Cell<u64>,
}

/// The error of a read whose budget is spent.
#[derive(Debug)]
pub(crate) struct OverBudget;

impl fmt::Display for OverBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reading it takes more than its size on disk explains")
    }
}

impl Error for OverBudget {}

impl<W> Metered<W> {
    pub(crate) fn new(source: W) -> Metered<W> {
        Metered { source, steps: Cell::new(ALLOWANCE), shown: Cell::new(0) }
    }

    pub(crate) fn source(&self) -> &W {
        &self.source
    }

    pub(crate) fn source_mut(&mut self) -> &mut W {
        &mut self.source
    }

    /// Begins a read of a segment that has `lines` lines on disk.
    pub(crate) fn refill(&self, lines: u64) {
        let bytes = lines.saturating_mul(LINE as u64);
        self.steps.set(bytes.saturating_mul(COPIES).saturating_add(ALLOWANCE));
        self.shown.set(shown_allowance(bytes).saturating_add(ALLOWANCE));
    }

    /// Returns whether series that take `bytes` bytes of an exposition are within the budget.
    pub(crate) fn allows_shown(&self, bytes: u64) -> bool {
        bytes <= self.shown.get()
    }
}

impl<W: SegmentSource> SegmentSource for Metered<W> {
    #[inline]
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        let cost = size_of_val(into) as u64 + CALL;
        match self.steps.get().checked_sub(cost) {
            Some(left) => self.steps.set(left),
            None => return Err(io::Error::other(OverBudget)),
        }
        self.source.read(line, into)
    }

    fn lines(&self) -> io::Result<u64> {
        self.source.lines()
    }
}

/// Returns whether the cause of an error is a spent budget.
pub(crate) fn is_over_budget(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<OverBudget>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{ALLOWANCE, CALL, Metered, is_over_budget};
    use crate::{format::source::SegmentSource, segment::writer::Segment};

    #[test]
    fn reads_stop_at_the_budget() {
        let metered = Metered::new(Arc::new(Segment::anonymous().unwrap()));
        let mut words = [0; 64];
        metered.refill(0);
        let reads = (0..).take_while(|_| metered.read(0, &mut words).is_ok()).count() as u64;
        assert_eq!(reads, ALLOWANCE / (512 + CALL));
        assert!(is_over_budget(&metered.read(0, &mut words).unwrap_err()));
        metered.refill(1);
        metered.read(0, &mut words).unwrap();
        assert!(!is_over_budget(&metered.read(u64::MAX, &mut words).unwrap_err()));
    }
}
