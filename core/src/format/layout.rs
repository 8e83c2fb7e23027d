//! The bytes of a segment: what lies where, as types over mapped memory.
//!
//! Every part is a whole number of 64-byte lines of 8-byte words, and a place is a line number.
//! All words are atomics, so any bytes are a valid value of every type here.
//!
//! ```text
//! line 0..64     Header     identity (checksummed), root, cursor, losses, anchors
//! line 64..      in the order in which they were claimed:
//!   Block        64 lines   63 lane heads of one shard, linked to the block before it
//!   table        2 lines    a timer lane's chunks, as lines (for a ring of 16)
//!   Chunk        17 lines   a record line, then 64 slots of (value, stamp)
//!   ExemplarSlot 2 lines    an observation with its trace's id: one a bucket, at most 32
//!   descriptor   n lines    a family or a series: length, checksum, bytes
//! ```
//!
//! A model checker tries every order of every access, so under `ictus_loom` header, blocks and
//! chunks are as small as they can be while still being lapped, linked and grown.
#![expect(unsafe_code, reason = "casts mapped lines to types whose every byte pattern is valid")]

use std::ptr;

use crate::sync::{AtomicU64, Ordering};

/// Bytes of a line, the unit in which memory is claimed.
pub(crate) const LINE: usize = 64;
/// Words of a line.
pub(crate) const LINE_WORDS: usize = 8;
/// `ICTUSSEG`, as bytes in file order.
pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"ICTUSSEG");
/// The version of this format; a reader refuses newer ones. `ictus_next_format` is what tests know of the next.
pub(crate) const VERSION: u32 = if cfg!(ictus_next_format) { 2 } else { 1 };
/// Reads as this number only in the byte order in which it was written.
pub(crate) const BYTE_ORDER: u32 = 0x0102_0304;
/// Slots of a chunk.
pub(crate) const CHUNK_SLOTS: u64 = if cfg!(ictus_loom) { 2 } else { 64 };
/// Exponential buckets of a page.
pub(crate) const PAGE_BUCKETS: usize = 64;
/// Words of the id of an exemplar's trace.
pub(crate) const EXEMPLAR_TEXT: usize = 12;
/// Lanes of a block.
pub(crate) const BLOCK_LANES: usize = if cfg!(ictus_loom) { 1 } else { 63 };
/// Words of the header.
const HEADER_WORDS: usize = if cfg!(ictus_loom) { 64 } else { 512 };
/// What a writer may push while a reader copies a full ring.
const WINDOW_HEADROOM: u64 = if cfg!(ictus_loom) { 1 } else { 24 };

/// The first page of a segment.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Header {
    /// See [`identity`]; written once, before the segment has its name.
    pub(crate) identity: [AtomicU64; identity::WORDS],
    /// The newest [`Block`]'s line, 0 for none.
    pub(crate) root: AtomicU64,
    pub(crate) _pad_root: [AtomicU64; 7],
    /// The next line to be claimed.
    pub(crate) cursor: AtomicU64,
    pub(crate) _pad_cursor: [AtomicU64; 7],
    /// What was not recorded, by [`HealthCounter`].
    pub(crate) losses: [AtomicU64; HEALTH_COUNTERS],
    /// Stamps beside the wall clock, taken while the process records; see [`anchor`]. Written in turn, so that
    /// one is whole whenever the owner dies.
    pub(crate) anchors: [[AtomicU64; anchor::WORDS]; ANCHORS],
    pub(crate) _reserved:
        [AtomicU64; HEADER_WORDS - identity::WORDS - 16 - HEALTH_COUNTERS - ANCHORS * anchor::WORDS],
}

/// Anchors of a header beside that of its identity.
pub(crate) const ANCHORS: usize = 2;

/// Places of an anchor's words.
pub(crate) mod anchor {
    pub(crate) const STAMP: usize = 0;
    /// Wall clock, nanoseconds since 1970.
    pub(crate) const WALL: usize = 1;
    /// The wall clock was read within so many stamps of the stamp.
    pub(crate) const UNCERTAINTY: usize = 2;
    /// What a stamp lasts in seconds, as `f64` bits; 0 where that is not known.
    pub(crate) const RATE: usize = 3;
    /// Tells that the words before are of one anchor: their CRC-32, with a bit that says that there is one.
    pub(crate) const CHECK: usize = 4;
    pub(crate) const WORDS: usize = 8;
}

/// Places of the identity's words.
pub(crate) mod identity {
    pub(crate) const MAGIC: usize = 0;
    /// Version in the high half, byte order mark in the low one.
    pub(crate) const VERSION: usize = 1;
    pub(crate) const ID: usize = 2;
    pub(crate) const PID: usize = 3;
    /// Wall clock at creation, nanoseconds since 1970.
    pub(crate) const CREATED: usize = 4;
    /// The clock epoch of the stamps.
    pub(crate) const EPOCH: usize = 5;
    /// The fingerprint of the clock that the epoch stands for.
    pub(crate) const CLOCK: usize = 6;
    /// Four words: stamp, wall, uncertainty and rate of the anchor that was taken when the segment was made,
    /// as in [`anchor`](super::anchor).
    pub(crate) const ANCHOR: usize = 7;
    /// CRC-32 of the words before it.
    pub(crate) const CHECKSUM: usize = 15;
    pub(crate) const WORDS: usize = 16;
}

/// Kinds of [`HealthCounter`] that a header has room for.
pub(crate) const HEALTH_COUNTERS: usize = 16;

/// Why something was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum HealthCounter {
    /// The value was NaN.
    Nan = 0,
    /// The value was negative.
    Negative = 1,
    /// The value was infinite or 2^94 or more.
    TooLarge = 2,
    /// A signal handler observed a series in whose observation it interrupted its own thread.
    Reentered = 3,
    /// No memory for a new lane.
    NoMemory = 4,
    /// Not lost: series beyond the family's number, which were given the overflow series.
    Overflow = 6,
    /// Not lost: lanes in memory that other processes do not see, because the segment could not
    /// grow.
    ProcessLocal = 7,
    /// The handle's series had been removed.
    Removed = 8,
    /// Not an observation: a lap of a ring that could not grow to its window.
    WindowTruncated = 5,
    /// Not an observation: an exemplar that was left out. Its trace's id was unfit, a signal handler met the
    /// write that it interrupted, or there was no memory.
    Exemplar = 9,
    /// Not an observation: a segment whose file was removed while its owner lived.
    FileRemoved = 10,
    /// A measurement that ended without label values, in a family that has labels.
    Unlabelled = 11,
    /// Label values that are too long together for a descriptor.
    LabelTooLong = 12,
    /// Not an observation: a file descriptor that the host program has closed.
    DescriptorClosed = 13,
}

/// Set in a lane's series word before it is published, and once the series was removed: what the lane holds
/// is nobody's.
pub(crate) const UNPUBLISHED: u64 = 1 << 63;
/// Serial numbers of descriptors are smaller.
pub(crate) const SERIALS: u32 = 1 << 31;

/// One lane's head: what moves with each observation, and where the rest is.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Lane {
    /// A timer's observations so far; a counter's or gauge's value as `f64` bits.
    pub(crate) head: AtomicU64,
    /// The line of the series' descriptor in the low half, its serial number in the high one; 0 in a new
    /// lane, with [`UNPUBLISHED`] until it is published, and that alone once the series was removed. No two
    /// lives of a lane have the same number.
    pub(crate) series: AtomicU64,
    /// The line of a timer's chunk table: the line of each [`Chunk`].
    pub(crate) table: AtomicU64,
    /// How many chunks the table has; it only grows while the lane is shown.
    pub(crate) chunks: AtomicU64,
    /// The line of a timer's first [`ExemplarSlot`]; 0 until there is an exemplar, and then never changed.
    pub(crate) exemplars: AtomicU64,
    /// How many exemplars were written in this life: tells a reader that there are new ones.
    pub(crate) exemplified: AtomicU64,
    pub(crate) _reserved: [AtomicU64; 2],
}

/// The lanes of one shard.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Block {
    /// The line of the block that was linked before this one, 0 for none.
    pub(crate) previous: AtomicU64,
    pub(crate) _reserved: [AtomicU64; 7],
    pub(crate) lanes: [Lane; BLOCK_LANES],
}

/// Sixty-four slots and what was before them.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Written in turn, so that one of them is whole at any instant.
    pub(crate) records: [Record; 2],
    pub(crate) slots: [Slot; CHUNK_SLOTS as usize],
}

/// The newest exemplar of a bucket.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct ExemplarSlot {
    /// Odd while the words are written; 0 where none was.
    pub(crate) turn: AtomicU64,
    /// Value, time, length and text of the trace's id.
    pub(crate) words: [AtomicU64; 3 + EXEMPLAR_TEXT],
}

/// Where a lap of the ring entered a chunk.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Record {
    /// The index of the observation in the first slot, plus one; 0 for no record.
    pub(crate) entered: AtomicU64,
    /// The exact sum of all observations before that index.
    pub(crate) sum: [AtomicU64; 3],
}

/// Counts of exponential buckets: eight doublings.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct BucketPage {
    pub(crate) counts: [AtomicU64; PAGE_BUCKETS],
}

/// One observation.
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct Slot {
    /// `f64` bits.
    pub(crate) value: AtomicU64,
    /// 0 where nothing was observed yet.
    pub(crate) stamp: AtomicU64,
}

impl Lane {
    /// Says with which series word a new or cleared lane will be shown; nobody sees it yet. The word is of
    /// one life of one series, so whoever promised it for an earlier life cannot publish the lane any more.
    pub(crate) fn promise(&self, word: u64) {
        self.series.store(word | UNPUBLISHED, Ordering::Relaxed);
    }

    /// Shows a lane as that of the series word that was promised; false where it was hidden in the
    /// meantime.
    ///
    /// Release, "lane": pairs with the reader's acquire after copying the block: the lane is there with
    /// its table, and the series with its descriptor.
    pub(crate) fn publish(&self, word: u64) -> bool {
        self.series.compare_exchange(word | UNPUBLISHED, word, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Takes the lane from all readers' eyes, and back what was promised; any thread of the owner may.
    pub(crate) fn hide(&self) {
        // Never refused.
        let _ = self.series.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |_| Some(UNPUBLISHED));
    }

    /// Makes the head of a hidden lane a new one. Release, "recycle": whoever sees what is new sees that
    /// the lane was hidden, at its last look.
    pub(crate) fn clear(&self) {
        debug_assert!(self.series.load(Ordering::Relaxed) & UNPUBLISHED != 0, "the lane is shown");
        self.head.store(0, Ordering::Release);
    }
}

impl Chunk {
    /// Where there is none: nobody writes in it.
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

    /// A model's atomics are made at run time.
    #[cfg(ictus_loom)]
    pub(crate) fn none() -> &'static Chunk {
        let word = || AtomicU64::new(0);
        let record = || Record { entered: word(), sum: [word(), word(), word()] };
        let slots = std::array::from_fn(|_| Slot { value: word(), stamp: word() });
        Box::leak(Box::new(Chunk { records: [record(), record()], slots }))
    }

    /// Asks for the line behind that of a slot: with many series in turn, it is long until the writer
    /// comes to it, and then it need not wait for memory.
    #[inline(always)]
    pub(crate) fn expect_behind(&self, slot: usize) {
        expect(ptr::from_ref(&self.slots[slot]).wrapping_add(LINE / size_of::<Slot>()));
    }

    /// Asks for the lines that are written first when the chunk is entered.
    pub(crate) fn expect_start(&self) {
        expect(self);
        expect(&self.slots[0]);
    }

    /// A value, for its writer.
    #[inline(always)]
    pub(crate) fn value(&self, slot: usize) -> f64 {
        f64::from_bits(self.slots[slot].value.load(Ordering::Relaxed))
    }

    /// Its values, for its writer.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        (0..CHUNK_SLOTS as usize).map(|slot| self.value(slot))
    }

    /// Makes it a new one. Release, "recycle": not before the lane that had it was hidden.
    pub(crate) fn clear(&self) {
        let records = self.records.iter().flat_map(|record| [&record.entered].into_iter().chain(&record.sum));
        let slots = self.slots.iter().flat_map(|slot| [&slot.value, &slot.stamp]);
        for word in records.chain(slots) {
            word.store(0, Ordering::Release);
        }
    }
}

/// Chunks of a full ring for a window of that many observations: room for the window and for what
/// a writer makes while a reader copies it. At least two, so that the newest full chunk of a full
/// ring is never the next to be reused.
pub(crate) fn full_ring(window: u32) -> u64 {
    (u64::from(window) + WINDOW_HEADROOM).div_ceil(CHUNK_SLOTS).max(2)
}

/// Lines of the chunk table of a full ring.
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

/// A type that any mapped lines are a valid value of.
///
/// # Safety
///
/// `repr(C)`, made of `AtomicU64` alone, aligned to at most a line.
pub(crate) unsafe trait Lines: Sized + 'static {
    /// How many lines it takes.
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

/// The mapped bytes from `start` on as a `T`.
///
/// # Safety
///
/// `start` is aligned to a line, and `size_of::<T>()` bytes from it on stay mapped, readable and
/// writable for the life of the process, touched by nothing but atomics.
pub(crate) unsafe fn lines<T: Lines>(start: *mut u8) -> &'static T {
    debug_assert_eq!(start.addr() % LINE, 0);
    // SAFETY: the caller vouches for the memory; `Lines` says that any bytes are a valid `T`.
    unsafe { &*start.cast::<T>() }
}

/// The mapped words from `start` on.
///
/// # Safety
///
/// As for [`lines`], for `count` words.
pub(crate) unsafe fn words(start: *mut u8, count: usize) -> &'static [AtomicU64] {
    debug_assert_eq!(start.addr() % LINE, 0);
    // SAFETY: the caller vouches for the memory; any bytes are a valid `AtomicU64`.
    unsafe { std::slice::from_raw_parts(start.cast::<AtomicU64>(), count) }
}

/// Asks for a line of memory.
#[inline(always)]
fn expect<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint; of any address it reads nothing that a program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

#[cfg(test)]
mod tests;
