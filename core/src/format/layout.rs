//! The layout of a segment: types over mapped memory.
//!
//! Every part is a whole number of 64-byte lines of 8-byte words, and a position is a line number.
//! All words are atomics, so any bytes are a valid value of every type here.
//!
//! ```text
//! line 0..64     Header     identity (with checksum), root, cursor, losses, anchors
//! line 64..      in the order in which they were claimed:
//!   Block        64 lines   63 lanes, linked to the block before it
//!   table        2 lines    the lines of a timer lane's chunks (for a ring of 16)
//!   Chunk        17 lines   a line of records, then 64 slots of (value, timestamp)
//!   ExemplarSlot 2 lines    an observation with a trace id: one per bucket, at most 32
//!   descriptor   n lines    a family or a series: length, checksum, bytes
//! ```
//!
//! A model checker tries every order of all accesses. Under `ictus_loom`, header, blocks and chunks
//! are therefore as small as possible while rings can still wrap and grow, and blocks can be
//! linked.
#![expect(unsafe_code, reason = "casts mapped lines to types whose every byte pattern is valid")]

use std::ptr;

use super::series_word::{SeriesWord, UNPUBLISHED};
use crate::sync::{AtomicU64, Ordering};

/// Bytes of a line, the unit in which memory is claimed.
pub(crate) const LINE: usize = 64;
/// Words of a line.
pub(crate) const LINE_WORDS: usize = 8;
/// The bytes `ICTUSSEG` in file order.
pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"ICTUSSEG");
/// The version of this format. A reader refuses newer ones. Tests set `ictus_next_format` to get
/// the next version.
pub(crate) const VERSION: u32 = if cfg!(ictus_next_format) { 2 } else { 1 };
/// The byte order mark. It has this value only in the byte order in which it was written.
pub(crate) const BYTE_ORDER: u32 = 0x0102_0304;
/// Slots of a chunk.
pub(crate) const CHUNK_SLOTS: u64 = if cfg!(ictus_loom) { 2 } else { 64 };
/// Exponential buckets of a page.
pub(crate) const PAGE_BUCKETS: usize = 64;
/// Words of an exemplar's trace id.
pub(crate) const EXEMPLAR_TEXT: usize = 12;
/// Lanes of a block.
pub(crate) const BLOCK_LANES: usize = if cfg!(ictus_loom) { 1 } else { 63 };
/// Words of the header.
const HEADER_WORDS: usize = if cfg!(ictus_loom) { 64 } else { 512 };
/// Observations that a writer may push while a reader copies a full ring.
const WINDOW_HEADROOM: u64 = if cfg!(ictus_loom) { 1 } else { 24 };

/// The first page of a segment.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Header {
    /// See [`identity`]. Written once, before the segment has its name.
    pub(crate) identity: [AtomicU64; identity::WORDS],
    /// The line of the newest [`Block`], 0 for none.
    pub(crate) root: AtomicU64,
    /// See [`copied`].
    pub(crate) copied: AtomicU64,
    pub(crate) _pad_root: [AtomicU64; 6],
    /// The next line to be claimed.
    pub(crate) cursor: AtomicU64,
    pub(crate) _pad_cursor: [AtomicU64; 7],
    /// The health counters, indexed by [`HealthCounter`].
    pub(crate) losses: [AtomicU64; HEALTH_COUNTERS],
    /// Timestamps with the wall clock's time, taken while the process records; see [`anchor`]. They
    /// are written in turn, so that one is complete whenever the owner dies.
    pub(crate) anchors: [[AtomicU64; anchor::WORDS]; ANCHORS],
    pub(crate) _reserved:
        [AtomicU64; HEADER_WORDS - identity::WORDS - 16 - HEALTH_COUNTERS - ANCHORS * anchor::WORDS],
}

/// Anchors of a header, without that of its identity.
pub(crate) const ANCHORS: usize = 2;

/// Indices of an anchor's words.
pub(crate) mod anchor {
    pub(crate) const STAMP: usize = 0;
    /// Wall clock, nanoseconds since 1970.
    pub(crate) const WALL: usize = 1;
    /// The maximum distance between the two clock readings, in clock ticks.
    pub(crate) const UNCERTAINTY: usize = 2;
    /// Seconds per clock tick, as `f64` bits; 0 if unknown.
    pub(crate) const RATE: usize = 3;
    /// CRC-32 of the words before, with bit 32 set. It shows that an anchor is present and that all
    /// its words are of one write.
    pub(crate) const CHECK: usize = 4;
    pub(crate) const WORDS: usize = 8;
}

/// Values of the word `copied`, which is 0 in a segment without a copy. A segment and its copy have
/// the same id, and a reader counts one of them.
pub(crate) mod copied {
    /// The segment has a copy in another file, which counts in its place.
    pub(crate) const SUPERSEDED: u64 = 1;
    /// The segment is a copy. Its owner holds the lock while it writes there, and never maps it.
    pub(crate) const COPY: u64 = 2;
    /// Index of the word.
    pub(crate) const WORD: usize = std::mem::offset_of!(super::Header, copied) / 8;
}

/// Indices of the identity's words.
pub(crate) mod identity {
    pub(crate) const MAGIC: usize = 0;
    /// Version in the high half, byte order mark in the low half.
    pub(crate) const VERSION: usize = 1;
    pub(crate) const ID: usize = 2;
    pub(crate) const PID: usize = 3;
    /// Wall clock at creation, nanoseconds since 1970.
    pub(crate) const CREATED: usize = 4;
    /// The clock epoch of the timestamps.
    pub(crate) const EPOCH: usize = 5;
    /// The fingerprint of the epoch's clock.
    pub(crate) const CLOCK: usize = 6;
    /// Four words: timestamp, wall clock, uncertainty and rate of the anchor that was taken at the
    /// creation of the segment, as in [`anchor`](super::anchor).
    pub(crate) const ANCHOR: usize = 7;
    /// CRC-32 of the words before it.
    pub(crate) const CHECKSUM: usize = 15;
    pub(crate) const WORDS: usize = 16;
}

/// Number of [`HealthCounter`] words in a header.
pub(crate) const HEALTH_COUNTERS: usize = 16;

/// A reason why something could not be recorded as intended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum HealthCounter {
    /// Rejected observations: the value was NaN.
    Nan = 0,
    /// Rejected observations: the value was negative.
    Negative = 1,
    /// Rejected observations: the value was infinite, or 2^94 or more.
    TooLarge = 2,
    /// Rejected observations: a signal handler observed a series while its own thread was recording
    /// in that series.
    Reentered = 3,
    /// Rejected observations: there was no memory for a new lane.
    NoMemory = 4,
    /// Label sets beyond the family's `max_series`, which are counted in the overflow series.
    /// Nothing is lost.
    Overflow = 6,
    /// Lanes in memory that other processes do not see, because the segment could not grow. Nothing
    /// is lost.
    ProcessLocal = 7,
    /// Rejected observations: the handle's series had been removed.
    Removed = 8,
    /// Laps of rings that could not grow to their window. No observation is rejected.
    WindowTruncated = 5,
    /// Exemplars that were dropped: the trace id was invalid, a signal handler interrupted a write
    /// to the same slot, or there was no memory. No observation is rejected.
    Exemplar = 9,
    /// Segments whose file was removed while their owner lived. No observation is rejected.
    FileRemoved = 10,
    /// Rejected observations: a measurement ended without label values, in a family that has
    /// labels.
    Unlabelled = 11,
    /// Rejected observations: the label values together are too long for a descriptor.
    LabelTooLong = 12,
    /// File descriptors of Ictus that the host program has closed. No observation is rejected.
    DescriptorClosed = 13,
}

/// A lane's head: the words that change with each observation, and the lines of its other parts.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Lane {
    /// A timer's number of observations; a counter's or gauge's value as `f64` bits.
    pub(crate) head: AtomicU64,
    /// The line of the series' descriptor in the low half, its serial number in the high half. It
    /// is 0 in a new lane, has [`UNPUBLISHED`] set until it is published, and is [`UNPUBLISHED`]
    /// alone after the series was removed. No two lives of a lane have the same serial number.
    pub(crate) series: AtomicU64,
    /// The line of a timer's chunk table, which holds the line of each [`Chunk`].
    pub(crate) table: AtomicU64,
    /// The number of chunks in the table. It only grows while the lane is published.
    pub(crate) chunks: AtomicU64,
    /// The line of a timer's first [`ExemplarSlot`]; 0 until there is an exemplar, and never
    /// changed afterwards.
    pub(crate) exemplars: AtomicU64,
    /// The number of exemplars written in this life of the lane. A reader sees by it that there are
    /// new ones.
    pub(crate) exemplified: AtomicU64,
    pub(crate) _reserved: [AtomicU64; 2],
}

/// A block of lanes, filled by one `LanePool` or with the lanes of gauges.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Block {
    /// The line of the block that was linked before this one, 0 for none.
    pub(crate) previous: AtomicU64,
    pub(crate) _reserved: [AtomicU64; 7],
    pub(crate) lanes: [Lane; BLOCK_LANES],
}

/// A chunk of a ring: slots, and records of the last two laps that entered it.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Written in turn, so that one of them is complete at any time.
    pub(crate) records: [Record; 2],
    pub(crate) slots: [Slot; CHUNK_SLOTS as usize],
}

/// The newest exemplar of a bucket.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct ExemplarSlot {
    /// Odd while the words are being written; 0 if there was no exemplar.
    pub(crate) turn: AtomicU64,
    /// Value, time, length of the trace id, and the trace id.
    pub(crate) words: [AtomicU64; 3 + EXEMPLAR_TEXT],
}

/// The record of a lap of the ring that entered a chunk.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Record {
    /// The index of the observation in the first slot, plus one; 0 for no record.
    pub(crate) entered: AtomicU64,
    /// The exact sum of all observations before that index.
    pub(crate) sum: [AtomicU64; 3],
}

/// Counts of exponential buckets: a page of eight doublings.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct BucketPage {
    pub(crate) counts: [AtomicU64; PAGE_BUCKETS],
}

/// A slot: one observation.
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct Slot {
    /// `f64` bits.
    pub(crate) value: AtomicU64,
    /// 0 in a slot that was never written.
    pub(crate) stamp: AtomicU64,
}

impl Lane {
    /// Sets the series word under which a new or cleared lane will be published. No reader sees the
    /// lane yet. The word identifies one life of one series, so a thread that set it for an earlier
    /// life can no longer publish the lane.
    pub(crate) fn reserve(&self, word: SeriesWord) {
        self.series.store(word.bits() | UNPUBLISHED, Ordering::Relaxed);
    }

    /// Publishes the lane under the series word that was set by `reserve`. Returns false if the
    /// lane was hidden in the meantime.
    ///
    /// Release, "lane": pairs with the reader's acquire after copying the block. A reader that sees
    /// the lane also sees its table, and the series with its descriptor.
    pub(crate) fn publish(&self, word: SeriesWord) -> bool {
        let word = word.bits();
        self.series.compare_exchange(word | UNPUBLISHED, word, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Unpublishes the lane so that readers skip it, and revokes the word set by `reserve`. May be
    /// called from any thread of the owner.
    pub(crate) fn unpublish(&self) {
        // The closure always returns `Some`, so the update cannot fail.
        let _ = self.series.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |_| Some(UNPUBLISHED));
    }

    /// Resets the head of a hidden lane. Release, "recycle": a reader that sees a new word also
    /// sees, at its last read, that the lane was hidden.
    pub(crate) fn clear(&self) {
        debug_assert!(self.series.load(Ordering::Relaxed) & UNPUBLISHED != 0, "the lane is shown");
        self.head.store(0, Ordering::Release);
    }
}

impl Chunk {
    /// Returns an empty chunk for lanes without a ring. Nothing writes to it.
    #[cfg(not(ictus_loom))]
    pub(crate) fn none() -> &'static Chunk {
        const fn word() -> AtomicU64 {
            AtomicU64::new(0)
        }
        static NONE: Chunk = Chunk {
            records: [const { Record { entered: word(), sum: [word(), word(), word()] } }; 2],
            slots: [const { Slot { value: word(), stamp: word() } }; CHUNK_SLOTS as usize],
        };
        &NONE
    }

    /// Loom's atomics are created at run time.
    #[cfg(ictus_loom)]
    pub(crate) fn none() -> &'static Chunk {
        let word = || AtomicU64::new(0);
        let record = || Record { entered: word(), sum: [word(), word(), word()] };
        let slots = std::array::from_fn(|_| Slot { value: word(), stamp: word() });
        Box::leak(Box::new(Chunk { records: [record(), record()], slots }))
    }

    /// Prefetches the line after that of a slot. With many series in turn, a long time passes
    /// before the writer reaches that line, and then it does not wait for memory.
    #[inline(always)]
    pub(crate) fn prefetch_next(&self, slot: usize) {
        prefetch(ptr::from_ref(&self.slots[slot]).wrapping_add(LINE / size_of::<Slot>()));
    }

    /// Prefetches the lines that are written first when the chunk is entered.
    pub(crate) fn prefetch_start(&self) {
        prefetch(self);
        prefetch(&self.slots[0]);
    }

    /// Returns a slot's value. Only for the lane's writer.
    #[inline(always)]
    pub(crate) fn value(&self, slot: usize) -> f64 {
        f64::from_bits(self.slots[slot].value.load(Ordering::Relaxed))
    }

    /// Returns all values. Only for the lane's writer.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        (0..CHUNK_SLOTS as usize).map(|slot| self.value(slot))
    }

    /// Resets the chunk. Release, "recycle": not before its lane was hidden.
    pub(crate) fn clear(&self) {
        let records = self.records.iter().flat_map(|record| [&record.entered].into_iter().chain(&record.sum));
        let slots = self.slots.iter().flat_map(|slot| [&slot.value, &slot.stamp]);
        for word in records.chain(slots) {
            word.store(0, Ordering::Release);
        }
    }
}

/// Returns the number of chunks in a full ring: enough for the window and for the observations that
/// a writer adds while a reader copies it. At least two, so that the newest full chunk of a full
/// ring is never the next to be reused.
pub(crate) fn ring_chunks(window: u32) -> u64 {
    (u64::from(window) + WINDOW_HEADROOM).div_ceil(CHUNK_SLOTS).max(2)
}

/// Returns the number of lines in the chunk table of a full ring.
pub(crate) fn table_lines(full: u64) -> u64 {
    full.div_ceil(LINE_WORDS as u64)
}

const _: () = {
    assert!(size_of::<AtomicU64>() == 8 || cfg!(ictus_loom));
    assert!(cfg!(ictus_loom) || size_of::<Header>() == 4096);
    assert!(cfg!(ictus_loom) || size_of::<Lane>() == LINE);
    assert!(cfg!(ictus_loom) || size_of::<Block>() == 4096);
    assert!(cfg!(ictus_loom) || size_of::<Chunk>() == 17 * LINE);
    assert!(cfg!(ictus_loom) || size_of::<Slot>() == 16);
    assert!(cfg!(ictus_loom) || size_of::<ExemplarSlot>() == 2 * LINE);
};

/// A type for which any mapped lines are a valid value.
///
/// # Safety
///
/// The type must be `repr(C)`, consist of `AtomicU64` only, and be aligned to at most a line.
pub(crate) unsafe trait Lines: Sized + 'static {
    /// The number of lines of the type.
    const LINES: u64 = (size_of::<Self>() / LINE) as u64;
}

// SAFETY: `repr(C)`, words only, aligned to one line.
unsafe impl Lines for Header {}
// SAFETY: `repr(C)`, words only, aligned to one line.
unsafe impl Lines for Block {}
// SAFETY: `repr(C)`, words only, aligned to one line.
unsafe impl Lines for Chunk {}
// SAFETY: `repr(C)`, words only, aligned to one line.
unsafe impl Lines for BucketPage {}
// SAFETY: `repr(C)`, words only, aligned to one line.
unsafe impl Lines for ExemplarSlot {}

/// Returns the mapped bytes from `start` as a `T`.
///
/// # Safety
///
/// `start` is aligned to a line. The `size_of::<T>()` bytes from `start` stay mapped, readable and
/// writable for the life of the process, and are accessed only by atomics.
pub(crate) unsafe fn lines<T: Lines>(start: *mut u8) -> &'static T {
    debug_assert_eq!(start.addr() % LINE, 0);
    // SAFETY: the caller guarantees the memory; by the contract of `Lines`, any bytes are a valid
    // `T`.
    unsafe { &*start.cast::<T>() }
}

/// Returns the mapped words from `start`.
///
/// # Safety
///
/// As for [`lines`], for `count` words.
pub(crate) unsafe fn words(start: *mut u8, count: usize) -> &'static [AtomicU64] {
    debug_assert_eq!(start.addr() % LINE, 0);
    // SAFETY: the caller guarantees the memory; any bytes are a valid `AtomicU64`.
    unsafe { std::slice::from_raw_parts(start.cast::<AtomicU64>(), count) }
}

/// Prefetches a line of memory.
#[inline(always)]
fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint; at any address, it has no effect that a program can
        // observe.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

#[cfg(test)]
mod tests;
