//! Writing of totals: their bytes are made twice, because their length and checksum come first.

use std::io::{self, Write};

use super::TotalsFile;
use crate::{
    exemplar::Exemplar,
    format::{
        stream::Output,
        totals_head::{self, HEAD, write_clocks},
    },
    histogram::Distribution,
    reader::{overflowed::Overflowed, totals::FamilyTotal},
};

impl TotalsFile {
    /// Encodes the body without writing it: its length and checksum precede it in the file.
    pub(super) fn head(&self) -> io::Result<Head> {
        let mut spelled = Output::new(io::sink());
        self.write_body(&mut spelled)?;
        let (body, checksum) = spelled.finish()?;
        Ok(Head { body, checksum })
    }

    /// Writes the file piece by piece.
    pub(super) fn write(&self, Head { body, checksum }: &Head, into: &mut impl Write) -> io::Result<()> {
        into.write_all(bytemuck::cast_slice(&totals_head::encode(self.generation, *body, checksum)))?;
        let mut output = Output::new(into);
        self.write_body(&mut output)?;
        output.finish().map(|_| ())
    }

    fn write_body(&self, body: &mut Output<impl Write>) -> io::Result<()> {
        let families = || self.totals.families.values().flatten();
        self.totals.losses.iter().try_for_each(|&lost| body.word(lost))?;
        body.number(self.folded.len() as u32)?;
        self.folded.iter().try_for_each(|&id| body.word(id))?;
        body.number(self.aside.len() as u32)?;
        self.aside.iter().try_for_each(|&id| body.word(id))?;
        write_clocks(body, &self.totals.clocks)?;
        body.number(families().count() as u32)?;
        families().try_for_each(|family| write_family(body, family))?;
        write_overflowed(body, &self.totals.over)
    }
}

/// The length and the checksum of the body.
pub(super) struct Head {
    /// The number of bytes of the body.
    body: u64,
    checksum: crc32fast::Hasher,
}

impl Head {
    /// Returns the number of bytes of the file.
    pub(super) fn length(&self) -> u64 {
        HEAD as u64 + self.body
    }
}

/// Writes nothing if there are no contributions, so that the bytes are those of earlier versions.
fn write_overflowed(body: &mut Output<impl Write>, over: &Overflowed) -> io::Result<()> {
    for (name, labels, segment, values) in over.iter() {
        body.string(name)?;
        body.strings(labels)?;
        body.word(segment)?;
        body.strings(values)?;
    }
    Ok(())
}

fn write_family(body: &mut Output<impl Write>, family: &FamilyTotal) -> io::Result<()> {
    let words = family.record.encode();
    body.number(words.len() as u32)?;
    words.iter().try_for_each(|&word| body.word(word))?;
    body.word(family.created)?;
    body.number(family.kept)?;
    body.number(family.series.len() as u32)?;
    for (values, series) in &family.series {
        body.strings(values)?;
        body.word(series.begun)?;
        body.word(series.count)?;
        series.sum.0.iter().try_for_each(|&word| body.word(word))?;
        write_distribution(body, &series.distribution)?;
        body.number(series.newest.len() as u32)?;
        for observation in series.newest.iter() {
            body.number(observation.epoch)?;
            body.word(observation.stamp)?;
            body.word(observation.value.to_bits())?;
        }
        body.number(series.exemplars.len() as u32)?;
        for Exemplar { value, time, trace_id } in &series.exemplars {
            body.word(value.to_bits())?;
            body.word(*time)?;
            body.string(trace_id)?;
        }
    }
    Ok(())
}

fn write_distribution(body: &mut Output<impl Write>, distribution: &Distribution) -> io::Result<()> {
    let Distribution { bounds, classic, zero, unallocated, exponential } = distribution;
    body.number(bounds.len() as u32)?;
    bounds.iter().try_for_each(|bound| body.word(bound.to_bits()))?;
    body.number(classic.len() as u32)?;
    classic.iter().try_for_each(|&count| body.word(count))?;
    body.word(*zero)?;
    body.word(*unallocated)?;
    body.number(exponential.len() as u32)?;
    for (bucket, count) in exponential.iter() {
        body.number(bucket.cast_unsigned())?;
        body.word(count)?;
    }
    Ok(())
}
