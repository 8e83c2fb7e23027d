//! A source of words that is watched while it is read, and in which something happens meanwhile.

use std::{
    cell::{Cell, RefCell},
    io,
};

use crate::format::source::SegmentSource;

/// What happens before the n-th time that it is read since it was begun.
type ReadHook<'a> = Box<dyn Fn(usize) + 'a>;

/// Another source.
pub(crate) struct InstrumentedSource<'a, W> {
    pub(crate) source: W,
    /// Times and words that were read.
    times: Cell<usize>,
    words: Cell<usize>,
    /// How long it says to be, the next first; the last goes on. As long as it is, where there is none.
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

    /// From now on that happens before it is read.
    pub(crate) fn meanwhile(&self, happens: impl Fn(usize) + 'a) {
        *self.happens.borrow_mut() = Box::new(happens);
    }

    /// From now on it is as long as that.
    pub(crate) fn seem(&self, lengths: Vec<u64>) {
        *self.lengths.borrow_mut() = lengths;
    }

    /// Counts anew from here.
    pub(crate) fn begin(&self) {
        self.times.set(0);
        self.words.set(0);
    }

    /// How often it was read since then.
    pub(crate) fn times(&self) -> usize {
        self.times.get()
    }

    /// How many words.
    pub(crate) fn words(&self) -> usize {
        self.words.get()
    }
}
