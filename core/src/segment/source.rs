//! Words of a segment of this process, read in place.

use std::{io, sync::Arc};

use super::writer::Segment;
use crate::{
    format::{layout::LINE, source::SegmentSource},
    sync::{Ordering, fence},
};

impl SegmentSource for Arc<Segment> {
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        let lines = (into.len() as u64 * 8).div_ceil(LINE as u64);
        let words = self.mapping().words(line, lines).ok_or(io::ErrorKind::UnexpectedEof)?;
        for (word, source) in into.iter_mut().zip(words) {
            *word = source.load(Ordering::Relaxed);
        }
        fence(Ordering::Acquire);
        Ok(())
    }

    fn lines(&self) -> io::Result<u64> {
        Ok((self.mapping().committed() / LINE) as u64)
    }
}
