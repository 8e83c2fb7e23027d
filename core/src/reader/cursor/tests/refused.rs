//! Corrupt segments are refused, with the cause. Changes that a writer makes during a read are not
//! refused.

use std::{io, sync::Arc};

use super::{Looked, SegmentCursor};
use crate::{
    catalog::Kind,
    format::{
        descriptor::SeriesDescriptor,
        error::SegmentError,
        header::{HEADER_WORDS, checksum},
        layout::{BYTE_ORDER, Block, Chunk, LINE, LINE_WORDS, Lane, Lines, VERSION, identity},
        series_word::{SeriesWord, UNPUBLISHED},
        source::SegmentSource,
    },
    packed::pack,
    reader::{cursor::listed, segment_reader::SegmentReader},
    segment::writer::Segment,
    sum::LIMIT,
    sync::Ordering::Relaxed,
};

fn series_word(lane: &Lane) -> SeriesWord {
    SeriesWord::from_bits(lane.series.load(Relaxed))
}

/// The first words of a segment.
struct Start(Vec<u64>);

impl SegmentSource for Start {
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        let start = line as usize * LINE_WORDS;
        let words = self.0.get(start..start + into.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(words);
        Ok(())
    }

    fn lines(&self) -> io::Result<u64> {
        Ok((self.0.len() / LINE_WORDS) as u64)
    }
}

#[test]
fn invalid_header_is_refused() {
    let segment = Arc::new(Segment::anonymous().unwrap());
    let mut words = vec![0; HEADER_WORDS];
    segment.read(0, &mut words).unwrap();
    let open = |words: &[u64], id| match SegmentReader::open(Start(words.to_vec()), id) {
        Ok(_) => String::new(),
        Err(bad) => bad.to_string(),
    };
    assert_eq!(open(&words, segment.id), "");
    assert!(open(&words[..8], segment.id).starts_with("it cannot be read: "));
    assert_eq!(open(&words, segment.id + 1), "its header is invalid: another id than its name");
    let newer_says = format!(
        "its format has version {}, and this reader supports versions up to {VERSION}; upgrade the reader",
        VERSION + 1
    );
    let swapped = "its header is invalid: written in another byte order";
    for (word, value, expected) in [
        (identity::MAGIC, 0, "its header is invalid: not a segment"),
        (identity::VERSION, pack(VERSION + 1, BYTE_ORDER), newer_says.as_str()),
        (identity::VERSION, pack(VERSION + 1, BYTE_ORDER.swap_bytes()), swapped),
        (identity::VERSION, u64::from(BYTE_ORDER), "its header is invalid: wrong checksum"),
        (identity::CREATED, words[identity::CREATED] + 1, "its header is invalid: wrong checksum"),
        (identity::CHECKSUM, 0, "its header is invalid: wrong checksum"),
    ] {
        let mut words = words.clone();
        words[word] = value;
        assert_eq!(open(&words, segment.id), expected, "{word}");
    }
    let mut seal = |epoch| {
        words[identity::EPOCH] = epoch;
        words[identity::CHECKSUM] = checksum(&words);
        open(&words, segment.id)
    };
    assert_eq!(seal(u64::from(u32::MAX)), "");
    assert_eq!(seal(1 << 32), "its header is invalid: its epoch");
}

#[test]
fn lane_with_an_impossible_value_is_refused() {
    type Act = fn(&Looked<Arc<Segment>>);
    let acts: [(&str, Act); 11] = [
        ("a counter's value", |to| to.record("a", Kind::Counter, 1)[0].head.store(LIMIT.to_bits(), Relaxed)),
        ("a counter's value", |to| to.record("a", Kind::Counter, 1)[0].head.store(1 << 63 | 1, Relaxed)),
        ("a counter's value", |to| to.record("a", Kind::Counter, 1)[0].head.store(u64::MAX, Relaxed)),
        ("a gauge's value", |to| to.record("a", Kind::Gauge, 1)[0].head.store(u64::MAX, Relaxed)),
        ("a gauge's value", |to| {
            to.record("a", Kind::Gauge, 1)[0].head.store(f64::NEG_INFINITY.to_bits(), Relaxed);
        }),
        ("a series' number of labels", |to| {
            let family = to.family("a", Kind::Counter);
            to.lane(|serial| SeriesDescriptor::encode(family, serial, 1, &["1", "2"]), 1.0);
        }),
        ("a series' number of labels", |to| {
            let family = to.family("a", Kind::Counter);
            to.lane(|serial| SeriesDescriptor::encode(family, serial, 1, &[""; 0]), 1.0);
        }),
        ("a series' serial number", |to| {
            let family = to.family("a", Kind::Counter);
            to.lane(|serial| SeriesDescriptor::encode(family, serial + 1, 1, &["1"]), 1.0);
        }),
        ("a family's descriptor", |to| {
            let lane = to.record("a", Kind::Counter, 1)[0];
            let series = series_word(lane).line();
            to.lane(|serial| SeriesDescriptor::encode(series, serial, 1, &["1"]), 1.0);
        }),
        ("a series' descriptor", |to| {
            let family = to.family("a", Kind::Counter);
            to.record("a", Kind::Counter, 1)[0].series.store(family.word(), Relaxed);
        }),
        ("a descriptor's length", |to| {
            let lane = to.record("a", Kind::Counter, 1)[0];
            let line = series_word(lane).line();
            to.segment().words(line.word(), 1).unwrap()[0].store(u64::MAX, Relaxed);
        }),
    ];
    for (number, (what, act)) in acts.into_iter().enumerate() {
        let mut looked = Looked::new();
        looked.record("good", Kind::Counter, 1);
        looked.look(true).unwrap();
        act(&looked);
        for _ in 0..2 {
            match looked.look(true) {
                Err(bad) => assert_eq!(bad.to_string(), format!("it is corrupt: {what}"), "{number}"),
                Ok(delta) => panic!("{number}, {what}: {delta:?}"),
            }
        }
    }
    // Values at the limits are accepted.
    let mut looked = Looked::new();
    let [counter, gauge] = [Kind::Counter, Kind::Gauge].map(|kind| looked.record("a", kind, 1)[0]);
    counter.head.store(LIMIT.next_down().to_bits(), Relaxed);
    gauge.head.store(f64::MIN.to_bits(), Relaxed);
    assert_eq!(looked.look(true).unwrap().0.lanes.len(), 2);
}

/// A segment whose words appear a second time in a hole of its file, at a position that no writer
/// reaches.
struct Sparse(Arc<Segment>);

const FAR: u64 = 1 << 32;

impl SegmentSource for Sparse {
    fn read(&self, line: u64, into: &mut [u64]) -> io::Result<()> {
        self.0.read(line % FAR, into)
    }

    fn lines(&self) -> io::Result<u64> {
        self.0.lines()
    }
}

/// Half a word holds the line of a lane, and the other half the rank of its segment. A larger line
/// would name a lane of another segment.
#[test]
fn block_beyond_any_segment_is_refused() {
    let near = Looked::new();
    near.record("jobs", Kind::Counter, 1);
    let segment = Arc::clone(&near.reader.source().source);
    let mut far = Looked::of(Sparse(Arc::clone(&segment)), segment.id);
    assert_eq!(far.look(true).unwrap().0.lanes.len(), 1);
    segment.header.root.fetch_add(FAR, Relaxed);
    let expected = "it is corrupt: a block's position";
    assert_eq!(far.look(true).unwrap_err().to_string(), expected);
    assert_eq!(listed::series(&mut far.reader).unwrap_err().to_string(), expected);
}

/// A series that is removed while it is read is absent, whatever words have replaced its
/// descriptor.
#[test]
fn series_removed_during_a_read_is_no_corruption() {
    for times in 0..8 {
        let mut looked = Looked::new();
        let lane = looked.record("jobs", Kind::Counter, 1)[0];
        let line = series_word(lane).line();
        let descriptor = looked.segment().words(line.word(), 1).unwrap();
        looked.meanwhile(move |time| {
            if time == times {
                lane.series.store(UNPUBLISHED, Relaxed);
                descriptor.iter().for_each(|word| word.store(7, Relaxed));
            }
        });
        let seen = looked.look(true).unwrap().0.lanes;
        let is_shown = seen.iter().any(|(_, lane)| lane.is_some());
        // One read of the root, three of the block, two of the series' descriptor.
        assert_eq!(is_shown, times >= 6, "{times}: {seen:?}");
        looked.meanwhile(|_| {});
        assert_eq!(looked.lines(true)[1].len(), usize::from(is_shown), "{times}");
    }
}

#[test]
fn cyclic_and_overlapping_blocks_are_refused() {
    let mut looked = Looked::new();
    let [older, newer] = [(); 2].map(|()| looked.segment().new_block().unwrap());
    let newest = looked.root().load(Relaxed);
    let oldest = newest - Block::LINES;
    assert_eq!(newer.previous.load(Relaxed), oldest);
    for wrong in
        [newest, oldest, newest - 1, newest + 1, newest + Block::LINES - 1, oldest - Block::LINES + 1]
    {
        older.previous.store(wrong, Relaxed);
        match looked.look(true) {
            Err(SegmentError::Corrupt(what)) => assert!(what.contains("linked in a ring"), "{what}"),
            other => panic!("{wrong}: {other:?}"),
        }
    }
    // Adjacent blocks are accepted in either order.
    older.previous.store(newest + Block::LINES, Relaxed);
    looked.look(true).unwrap();
    older.previous.store(newest, Relaxed);
    newer.previous.store(0, Relaxed);
    looked.root().store(oldest, Relaxed);
    looked.look(true).unwrap();
}

#[test]
fn claims_beyond_the_size_on_disk_are_refused() {
    let mut looked = Looked::new();
    let lane = looked.record("jobs", Kind::Counter, 1)[0];
    lane.chunks.store(3, Relaxed);
    // The last terms are the lines of the descriptors of the family and the series.
    let claimed = Block::LINES + 3 * Chunk::LINES + 2 + 1;
    // More lines than claimed; as many; as many only at the second call, because the segment grew.
    for lengths in [vec![1 << 20], vec![claimed], vec![1, claimed], vec![claimed - 1, claimed]] {
        looked.lanes = SegmentCursor::default();
        looked.reader.source().report_lengths(lengths.clone());
        assert_eq!(looked.look(true).unwrap().0.lanes.len(), 1, "{lengths:?}");
        // Nor is it refused if nothing changed.
        looked.look(true).unwrap();
    }
    // The maximum size of a segment, however long a sparse file is.
    let most = (1 << 30) / LINE as u64;
    for (chunks, lengths) in [
        (3, vec![0]),
        (3, vec![claimed - 1]),
        (3, vec![1, claimed - 1]),
        (most / Chunk::LINES, vec![u64::MAX]),
    ] {
        lane.chunks.store(chunks, Relaxed);
        looked.lanes = SegmentCursor::default();
        looked.reader.source().report_lengths(lengths.clone());
        match looked.look(true) {
            Err(SegmentError::Corrupt(what)) => assert!(what.contains("share memory"), "{what}"),
            other => panic!("{lengths:?}: {other:?}"),
        }
    }
}
