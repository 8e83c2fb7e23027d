//! The writer's side of a segment: the memory in which a process records.
//!
//! `growth` claims its lines. `descriptors`, `blocks` and `anchors` store in them what readers need.

mod anchors;
mod blocks;
mod descriptors;
mod growth;

use std::{
    io,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64 as StdAtomicU64, Ordering::Relaxed},
};

pub(crate) use self::{
    anchors::{ANCHOR_INTERVAL, OUTLIVED},
    descriptors::SeriesLocation,
};
use self::{blocks::GaugeBlock, descriptors::LineRange, growth::GROWTH_STEP};
use super::mapping::Mapping;
use crate::{
    directory::{
        Directory, FileIdentity,
        clock_epoch::{self, Epoch},
    },
    format::{
        anchors as anchor_words,
        header::checksum,
        layout::{BYTE_ORDER, Header, HealthCounter, Lines as _, MAGIC, VERSION, copied, identity},
    },
    packed::pack,
    sync::{AtomicU64, Mutex, Ordering, fence, static_ref::AtomicOptionRef},
    sys::{fork, random_id},
};

/// The memory in which this process, and no other, records.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The random number that names the segment.
    pub(crate) id: u64,
    /// Dense and never reused in this process, unlike the id.
    pub(crate) ordinal: u32,
    /// The fork generation of the process that created it.
    pub(crate) generation: u32,
    /// The clock epoch of its stamps.
    pub(crate) epoch: u32,
    clock: Epoch,
    pub(crate) header: &'static Header,
    mapping: Mapping,
    growing: AtomicBool,
    /// No growth is attempted before this nanosecond of the monotonic clock.
    retry_at: StdAtomicU64,
    /// The block from which shared lanes are taken.
    shared: AtomicOptionRef<GaugeBlock>,
    serials: AtomicU32,
    /// Lines of the descriptors of removed series.
    free: Mutex<Vec<LineRange>>,
    /// Lines that are reserved for lanes: windows do not grow into them.
    reserved: StdAtomicU64,
    /// As `retry_at`, for space in addition to the reserved lines: a failure stops no lane.
    grow_at: StdAtomicU64,
    /// The stamp of the newest anchor.
    anchored: StdAtomicU64,
    /// Whether a thread is taking an anchor.
    anchoring: AtomicBool,
    outlived: AtomicBool,
    /// Set when its lanes are taken from their threads permanently: nothing more is created in it.
    left: AtomicBool,
    /// The identity of its file; none in anonymous memory.
    pub(crate) standing: Option<FileIdentity>,
}

impl Segment {
    /// Creates a segment in a metrics directory. Every reader sees it once this returns.
    pub(crate) fn create(directory: &Directory) -> io::Result<Segment> {
        Segment::create_after(directory, None)
    }

    /// Creates a segment in a metrics directory, with an epoch after one that has ended.
    pub(crate) fn create_after(directory: &Directory, ended: Option<u32>) -> io::Result<Segment> {
        match Segment::create_once(directory, ended) {
            // Stopped for so long between two calls that its file was retired like that of an ended
            // process.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::WouldBlock) => {
                Segment::create_once(directory, ended)
            }
            result => result,
        }
    }

    fn create_once(directory: &Directory, ended: Option<u32>) -> io::Result<Segment> {
        let id = random_id()?;
        let epoch = clock_epoch::join_after(directory, ended)?;
        let result = directory
            .new_segment(id)
            .and_then(|new| Mapping::file(directory, id, new, GROWTH_STEP))
            .and_then(|mapping| Segment::initialise(id, &epoch, mapping))
            .and_then(|segment| {
                directory.publish_segment(id)?;
                Ok(segment)
            });
        if result.is_err() {
            directory.discard_new_segment(id);
        }
        result
    }

    /// Creates a segment in anonymous memory of this process.
    pub(crate) fn anonymous() -> io::Result<Segment> {
        Segment::initialise(random_id()?, &Epoch::unshared(), Mapping::anonymous(GROWTH_STEP)?)
    }

    fn initialise(id: u64, epoch: &Epoch, mapping: Mapping) -> io::Result<Segment> {
        static NEXT_ORDINAL: AtomicU32 = AtomicU32::new(1);
        let header: &'static Header = mapping.lines(0).ok_or(io::ErrorKind::OutOfMemory)?;
        let words = [
            (identity::MAGIC, MAGIC),
            (identity::VERSION, pack(VERSION, BYTE_ORDER)),
            (identity::ID, id),
            (identity::PID, u64::from(std::process::id())),
            (identity::CREATED, epoch.time()),
            (identity::EPOCH, u64::from(epoch.number)),
            (identity::CLOCK, epoch.fingerprint),
        ];
        let anchor = (identity::ANCHOR..).zip(anchor_words::words(&epoch.anchor));
        for (index, word) in words.into_iter().chain(anchor) {
            header.identity[index].store(word, Ordering::Relaxed);
        }
        let written: Vec<u64> = header.identity.iter().map(|word| word.load(Ordering::Relaxed)).collect();
        header.identity[identity::CHECKSUM].store(checksum(&written), Ordering::Relaxed);
        header.cursor.store(Header::LINES, Ordering::Release);
        Ok(Segment {
            id,
            ordinal: NEXT_ORDINAL.fetch_add(1, Relaxed),
            generation: fork::generation(),
            epoch: epoch.number,
            clock: *epoch,
            header,
            standing: mapping.standing(),
            mapping,
            growing: AtomicBool::new(false),
            retry_at: StdAtomicU64::new(0),
            shared: AtomicOptionRef::null(),
            serials: AtomicU32::new(0),
            free: Mutex::default(),
            reserved: StdAtomicU64::new(0),
            grow_at: StdAtomicU64::new(0),
            anchored: StdAtomicU64::new(epoch.anchor.stamp),
            anchoring: AtomicBool::new(false),
            outlived: AtomicBool::new(false),
            left: AtomicBool::new(false),
        })
    }

    /// Returns the mapped bytes, for a reader in this process.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Returns the current time by the clock of its epoch; see [`Epoch::time`].
    pub(crate) fn time(&self) -> u64 {
        self.clock.time()
    }

    /// Whether this process created it, and not the parent from which it was forked.
    pub(crate) fn belongs_to_this_process(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Marks the segment as left: nothing more is created in it.
    pub(crate) fn abandon(&self) {
        self.left.store(true, Relaxed);
        // "leave": a thread that publishes a lane sees this, or the lane is found in its table.
        fence(Ordering::SeqCst);
    }

    /// Whether the segment was left. Call it after a fence that follows the store of the lane.
    pub(crate) fn is_left(&self) -> bool {
        self.left.load(Relaxed)
    }

    /// Lets readers that have the segment open count its copy in its place.
    pub(crate) fn supersede(&self) {
        // Relaxed: the lock of the copy, which is released later, orders it before any retirement of the copy.
        self.header.copied.store(copied::SUPERSEDED, Ordering::Relaxed);
    }

    /// Whether the segment is in a file, which other processes can read.
    pub(crate) fn is_file_backed(&self) -> bool {
        self.mapping.is_file()
    }

    /// Returns the words of claimed lines.
    pub(crate) fn words(&self, line: u64, count: u64) -> Option<&'static [AtomicU64]> {
        self.mapping.words(line, count)
    }

    /// Counts a rejected observation.
    #[cold]
    pub(crate) fn count_rejected(&self, loss: HealthCounter) {
        self.header.losses[loss as usize].fetch_add(1, Ordering::Relaxed);
    }
}
