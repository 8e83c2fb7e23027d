//! The totals file: the data of ended processes, and the ids of the segments that it contains.
//!
//! ```text
//! ICTUSTOT  version, byte order   generation   length of the rest   CRC-32 of all but itself
//! losses    ids folded into it    ids set aside    clocks
//! families: record, created, kept, series: values, begun, count, sum, buckets, newest, exemplars
//! contributions in overflow series: family, segment, values
//! ```
//!
//! The file is always replaced as a whole. It names an id until the segment's file is removed:
//! until then a reader must not count the segment a second time.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use std::{fs::File, io::Read};

use super::totals::Totals;
use crate::{
    catalog::Kind,
    directory::Directory,
    format::{
        error::SegmentError,
        stream::Input,
        totals_head::{self, TotalsHead},
    },
    snapshot::{Observation, timeline::Timeline},
};
use decode::{Decoded, decode_rest};

/// The decoded file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TotalsFile {
    /// Incremented by every replacement.
    pub(crate) generation: u64,
    /// The ids of the segments that the totals contain.
    pub(crate) folded: Vec<u64>,
    /// Those of `folded` that are set aside instead of removed, because some of their lanes cannot
    /// be read.
    pub(crate) aside: Vec<u64>,
    pub(crate) totals: Totals,
}

impl TotalsFile {
    /// Reads and checks an opened totals file.
    pub(crate) fn read(file: &mut File) -> Result<TotalsFile, SegmentError> {
        let length = totals_head::stored_length(file)?;
        TotalsFile::read_from(file, length)
    }

    /// Replaces a directory's totals by these.
    pub(crate) fn replace_in(&self, directory: &Directory) -> Result<(), SegmentError> {
        let head = self.head()?;
        directory.replace_totals(head.length(), |new| self.write(&head, new), TotalsFile::check)
    }

    /// Checks that an opened totals file can be read.
    pub(crate) fn check(file: &mut File) -> Result<(), SegmentError> {
        let length = file.metadata()?.len();
        TotalsFile::decode(file, length, &mut |_| {}).map(|_| ())
    }

    /// Reads and checks totals of `length` bytes.
    fn read_from(source: impl Read, length: u64) -> Result<TotalsFile, SegmentError> {
        let mut totals = Totals::default();
        let mut file = TotalsFile::decode(
            source,
            length,
            &mut |Decoded { record, created, kept, series }| match series {
                Some((values, total)) => totals.add_series(record, created, &values, total),
                None => totals.keep_at_least(record, kept),
            },
        )?;
        (totals.losses, totals.clocks) = (file.totals.losses, std::mem::take(&mut file.totals.clocks));
        totals.over = std::mem::take(&mut file.totals.over);
        file.totals = totals;
        Ok(file)
    }

    /// Decodes and checks totals of `length` bytes. Passes each series to `each`, and keeps none.
    fn decode(
        source: impl Read,
        length: u64,
        each: &mut dyn FnMut(Decoded<'_>),
    ) -> Result<TotalsFile, SegmentError> {
        let decode_rest = |body: &mut Input<_>| decode_rest(body, each).filter(|_| body.left() == 0);
        let (head, over) = TotalsHead::decode(source, length, decode_rest)?;
        let TotalsHead { generation, losses, folded, aside, clocks } = head;
        let mut totals = Totals::from_losses(losses);
        (totals.clocks, totals.over) = (clocks, over);
        Ok(TotalsFile { generation, folded, aside, totals })
    }
}

impl Totals {
    /// Prepares the totals for storage: bounds the windows, and drops the gauges of ended
    /// processes.
    pub(crate) fn prepare_for_storage(&mut self) {
        for shapes in self.families.values_mut() {
            shapes.retain(|family| family.record.kind != Kind::Gauge);
        }
        self.families.retain(|_, shapes| !shapes.is_empty());
        let timeline = Timeline::default().follow(&self.clocks);
        for family in self.families.values_mut().flatten() {
            for series in family.series.values_mut() {
                let mut newest = std::mem::take(&mut series.newest).to_vec();
                timeline.keep_newest(&mut newest, family.kept);
                let newest = newest.into_iter().map(|one| Observation { origin: 0, ..one });
                series.newest = newest.collect();
                (series.lanes, series.since) = (0, 0);
            }
        }
        let series = self.families.values().flatten().flat_map(|family| family.series.values());
        let used = series.flat_map(|series| series.newest.iter().map(|one| one.epoch)).collect();
        self.clocks.settle(&used);
    }
}
