//! A source of words for tests: it counts reads, and runs a hook before each.

use std::{
    cell::{Cell, RefCell},
    io,
};

use crate::format::source::SegmentSource;

/// A hook that runs before each read. Its argument is the number of earlier reads since `begin`.
type ReadHook<'a> = Box<dyn Fn(usize) + 'a>;

/// A wrapper of another source.
pub(crate) struct InstrumentedSource<'a, W> {
    pub(crate) source: W,
    /// Reads, and words read, since `begin`.
    times: Cell<usize>,
    words: Cell<usize>,
    /// The lengths that it reports, in this order; the last one is repeated. If empty, the real
    /// length.
    lengths: RefCell<Vec<u64>>,
    happens: RefCell<ReadHook<'a>>,
}

impl<W: SegmentSource> SegmentSource for InstrumentedSource<'_, W> {
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        self.happens.borrow()(self.times.get());
        self.times.set(self.times.get() + 1);
        self.words.set(self.words.get() + into.len());
        self.source.read(line, into)
    }

    fn lines(&self) -> io::Result<u64> {
        let mut lengths = self.lengths.borrow_mut();
        match lengths.len() {
            0 => self.source.lines(),
            1 => Ok(lengths[0]),
            _ => Ok(lengths.remove(0)),
        }
    }
}

impl<'a, W> InstrumentedSource<'a, W> {
    pub(crate) fn new(source: W) -> InstrumentedSource<'a, W> {
        let (times, words, lengths) = Default::default();
        InstrumentedSource { source, times, words, lengths, happens: RefCell::new(Box::new(|_| {})) }
    }

    /// Sets the hook that runs before each read.
    pub(crate) fn on_read(&self, happens: impl Fn(usize) + 'a) {
        *self.happens.borrow_mut() = Box::new(happens);
    }

    /// Sets the lengths that it reports from now on.
    pub(crate) fn report_lengths(&self, lengths: Vec<u64>) {
        *self.lengths.borrow_mut() = lengths;
    }

    /// Resets the counts.
    pub(crate) fn begin(&self) {
        self.times.set(0);
        self.words.set(0);
    }

    /// Returns the number of reads since `begin`.
    pub(crate) fn read_count(&self) -> usize {
        self.times.get()
    }

    /// Returns the number of words read since `begin`.
    pub(crate) fn words(&self) -> usize {
        self.words.get()
    }
}
