//! The writer's side of a segment: claims lines, publishes descriptors and blocks.

use std::{
    io, iter,
    sync::{
        PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicU32, AtomicU64 as StdAtomicU64, Ordering::Relaxed},
    },
};

use super::mapping::Mapping;
use crate::{
    clock::{self, Anchor},
    directory::{
        Directory, FileIdentity,
        clock_epoch::{self, Epoch},
    },
    format::{
        anchors, descriptor,
        header::checksum,
        layout::{
            BYTE_ORDER, Block, Header, HealthCounter, LINE, LINE_WORDS, Lane, Lines, MAGIC, SERIAL_BITS,
            VERSION, identity,
        },
        line_index::LineIndex,
        series_word::SeriesWord,
    },
    packed::pack,
    sync::{AtomicU64, Mutex, Ordering, fence, static_ref::AtomicOptionRef},
    sys::{fork, random_id},
};

/// Memory is committed in steps of this many bytes.
const GROWTH_STEP: usize = if cfg!(ictus_loom) { 8 * LINE } else { 256 << 10 };
/// Maximum attempts to claim lines. The end of a part may take some of the lines; parts are longer
/// than that.
const MAX_ATTEMPTS: usize = 4;
/// Delay after a failed growth before the next attempt, in nanoseconds.
const GROWTH_RETRY_DELAY: u64 = 1_000_000_000;
/// Maximum difference of stamps of one clock between two processors: a second or more.
const MAX_STEP_BACK: u64 = 1 << 32;
/// Whether a segment of this process has ever outlived its clock.
pub(crate) static OUTLIVED: AtomicBool = AtomicBool::new(false);
/// Interval between anchors, in stamp units: some hundredths of a second.
pub(crate) const ANCHOR_INTERVAL: u64 = 1 << 26;

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
    /// As `retry_at`, for room in addition to the reserved lines: that it is missing stops no lane.
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

/// The error that there is no memory for more lines.
struct NoMemory;

/// A range of claimed lines.
#[derive(Clone, Copy, Debug)]
struct LineRange {
    line: LineIndex,
    lines: u64,
}

/// The location of a series' descriptor in a segment.
#[derive(Debug)]
pub(crate) struct SeriesLocation {
    /// The ordinal of the segment.
    pub(crate) ordinal: u32,
    /// The series word of the lanes of the series.
    pub(crate) word: SeriesWord,
    room: LineRange,
}

#[derive(Debug)]
struct GaugeBlock {
    block: &'static Block,
    used: AtomicU64,
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
            made => made,
        }
    }

    fn create_once(directory: &Directory, ended: Option<u32>) -> io::Result<Segment> {
        let id = random_id()?;
        let epoch = clock_epoch::join_after(directory, ended)?;
        let made = directory
            .new_segment(id)
            .and_then(|new| Mapping::file(directory, id, new, GROWTH_STEP))
            .and_then(|mapping| Segment::initialise(id, &epoch, mapping))
            .and_then(|segment| {
                directory.publish_segment(id)?;
                Ok(segment)
            });
        if made.is_err() {
            directory.discard_new_segment(id);
        }
        made
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
            (identity::CREATED, clock::wall()),
            (identity::EPOCH, u64::from(epoch.number)),
            (identity::CLOCK, epoch.fingerprint),
        ];
        let anchor = (identity::ANCHOR..).zip(anchors::words(&epoch.anchor));
        for (place, word) in words.into_iter().chain(anchor) {
            header.identity[place].store(word, Ordering::Relaxed);
        }
        let written: Vec<u64> = header.identity.iter().map(|word| word.load(Ordering::Relaxed)).collect();
        header.identity[identity::CHECKSUM].store(checksum(&written), Ordering::Relaxed);
        header.cursor.store(Header::LINES, Ordering::Release);
        Ok(Segment {
            id,
            ordinal: NEXT_ORDINAL.fetch_add(1, Relaxed),
            generation: fork::generation(),
            epoch: epoch.number,
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

    /// Claims `count` zeroed lines that no other thread has.
    ///
    /// Wait-free. Makes at most one system call, and only when committed memory runs out. Returns
    /// `None` if there is no more memory.
    pub(crate) fn claim(&self, count: u64) -> Option<u64> {
        let line = self.claim_lines(count)?;
        if self.reserved.load(Relaxed) > 0 {
            let _ = self.reserved.fetch_update(Relaxed, Relaxed, |lines| Some(lines.saturating_sub(count)));
        }
        Some(line)
    }

    /// Claims lines for an existing lane to grow. Also returns `None` if that would use reserved
    /// lines.
    pub(crate) fn claim_to_grow(&self, count: u64) -> Option<u64> {
        let reserved = self.reserved.load(Relaxed);
        if reserved > 0 && !self.has_room(count + reserved) {
            return None;
        }
        self.claim_lines(count)
    }

    /// Reserves lines for lanes that threads are about to create, as far as there is memory.
    pub(crate) fn reserve(&self, lines: u64) {
        let reserved = self.reserved.fetch_add(lines, Relaxed) + lines;
        let end = (self.header.cursor.load(Ordering::Relaxed) + reserved) as usize * LINE;
        // Step by step, so that a disk with less room gives what it has.
        while self.mapping.committed() < end && self.commit(self.mapping.committed() + GROWTH_STEP).is_ok() {}
    }

    /// Whether `lines` can be claimed. Grows the segment for that, but not soon after a failure.
    fn has_room(&self, lines: u64) -> bool {
        let end = (self.header.cursor.load(Ordering::Relaxed) + lines) as usize * LINE;
        if end <= self.mapping.committed() {
            return true;
        }
        let now = clock::monotonic();
        if now < self.grow_at.load(Relaxed) {
            return false;
        }
        let has_grown = self.commit(end.next_multiple_of(GROWTH_STEP)).is_ok();
        if !has_grown {
            self.grow_at.store(now + GROWTH_RETRY_DELAY, Relaxed);
        }
        has_grown
    }

    fn claim_lines(&self, count: u64) -> Option<u64> {
        (0..MAX_ATTEMPTS).find_map(|_| self.claim_once(count).transpose()).and_then(Result::ok)
    }

    /// Works like [`claim`](Segment::claim), once. Returns `Ok(None)` if the lines would lie on
    /// both sides of the end of a part of the mapping: these lines stay unused, and the next lines
    /// follow them.
    fn claim_once(&self, count: u64) -> Result<Option<u64>, NoMemory> {
        let next = self.header.cursor.load(Ordering::Relaxed);
        let end = (next + count) as usize * LINE;
        self.grow(end);
        // Check before claiming: a full disk must not move the cursor at every attempt.
        if end > self.mapping.committed() {
            return Err(NoMemory);
        }
        // Relaxed: the thread that links the lines publishes them.
        let line = self.header.cursor.fetch_add(count, Ordering::Relaxed);
        let end = (line + count) as usize * LINE;
        if end > self.mapping.committed() {
            // Other threads claimed in between. The lines stay unused if this fails.
            self.commit(end.next_multiple_of(GROWTH_STEP)).map_err(|_| NoMemory)?;
        }
        Ok(self.mapping.is_whole(line, count).then_some(line))
    }

    fn commit(&self, bytes: usize) -> io::Result<()> {
        let committed = self.mapping.commit(bytes);
        (0..self.mapping.take_closed_descriptors())
            .for_each(|_| self.count_rejected(HealthCounter::DescriptorClosed));
        committed
    }

    /// Grows the segment before the committed memory is used up, so that one thread's growth stops
    /// no other.
    ///
    /// Any thread that runs out of lines grows the segment. It must not wait for the thread that is
    /// growing it, which may be descheduled.
    fn grow(&self, end: usize) {
        let committed = self.mapping.committed();
        if end + GROWTH_STEP / 4 <= committed {
            return;
        }
        let now = clock::monotonic();
        if now < self.retry_at.load(Relaxed) {
            return;
        }
        self.renew_anchor();
        let first = !self.growing.swap(true, Relaxed);
        if first || end > committed {
            let enough = (committed + GROWTH_STEP).max(end.next_multiple_of(GROWTH_STEP));
            if self.commit(enough).is_err() {
                self.retry_at.store(now + GROWTH_RETRY_DELAY, Relaxed);
            }
        }
        if first {
            self.growing.store(false, Relaxed);
        }
    }

    /// Stores a descriptor. Returns its line. Returns none if it is longer than readers accept:
    /// that one series would keep the whole segment from being shown.
    pub(crate) fn describe(&self, words: &[u64]) -> Option<LineIndex> {
        let lines = descriptor::lines(words)?;
        if lines != (words.len() / LINE_WORDS) as u64 {
            return None;
        }
        let line = self.claim(lines)?;
        for (place, &word) in iter::zip(self.mapping.words(line, lines)?, words) {
            place.store(word, Ordering::Relaxed);
        }
        LineIndex::from_word(line)
    }

    /// Stores a series' descriptor, which `encode` creates for a serial number. Returns none if it
    /// is too long, or if there is no memory for it.
    pub(crate) fn describe_series(&self, encode: impl FnOnce(u32) -> Vec<u64>) -> Option<SeriesLocation> {
        self.renew_anchor();
        // Serials wrap after 2^31 series; only a reader that runs all that time could be misled.
        let serial = self.serials.fetch_add(1, Relaxed) % SERIAL_BITS;
        let words = encode(serial);
        let lines = descriptor::lines(&words).filter(|&lines| lines == (words.len() / LINE_WORDS) as u64)?;
        let room = match self.find_free_range(lines) {
            Some(room) => room,
            None => LineRange { line: LineIndex::from_word(self.claim(lines)?)?, lines },
        };
        for (place, &word) in iter::zip(self.mapping.words(room.line.word(), lines)?, &words) {
            // Release, "recycle": not before the lanes of the series that had the lines were
            // hidden.
            place.store(word, Ordering::Release);
        }
        Some(SeriesLocation { ordinal: self.ordinal, word: SeriesWord::new(serial, room.line), room })
    }

    /// Returns lines of a removed series: enough, and at most twice as many as needed.
    fn find_free_range(&self, lines: u64) -> Option<LineRange> {
        let mut free = match self.free.try_lock() {
            Ok(free) => free,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Recording never waits.
            Err(TryLockError::WouldBlock) => return None,
        };
        let at = free.iter().rposition(|room| (lines..=2 * lines).contains(&room.lines))?;
        Some(free.swap_remove(at))
    }

    /// Frees the lines of a descriptor, once all lanes that point to it are hidden.
    pub(crate) fn free(&self, place: &SeriesLocation) {
        if place.ordinal == self.ordinal && self.belongs_to_this_process() {
            self.free.lock().unwrap_or_else(PoisonError::into_inner).push(place.room);
        }
    }

    /// Creates a block, linked from the root. Readers see its lanes as soon as they are published.
    pub(crate) fn new_block(&self) -> Option<&'static Block> {
        let line = self.claim(Block::LINES)?;
        let block: &'static Block = self.mapping.lines(line)?;
        let mut newest = self.header.root.load(Ordering::Relaxed);
        loop {
            block.previous.store(newest, Ordering::Relaxed);
            // Release, pairs with the reader's acquire of the root: it sees `previous`.
            match self.header.root.compare_exchange(newest, line, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return Some(block),
                Err(other) => newest = other,
            }
        }
    }

    /// Returns an unpublished lane that all threads of the process may write.
    pub(crate) fn shared_lane(&self) -> Option<&'static Lane> {
        loop {
            let filling = self.shared.load(Ordering::Acquire);
            if let Some(shared) = filling {
                let used = shared.used.fetch_add(1, Ordering::Relaxed);
                if let Some(lane) = usize::try_from(used).ok().and_then(|used| shared.block.lanes.get(used)) {
                    return Some(lane);
                }
            }
            let block = GaugeBlock { block: self.new_block()?, used: AtomicU64::new(0) };
            // The thread that fails leaves an empty block behind.
            let _ = self.shared.compare_exchange(filling, Some(Box::leak(Box::new(block))), Ordering::AcqRel);
        }
    }

    /// Stores an anchor, which relates stamps to the wall clock, unless that was done a moment ago.
    /// Never waits.
    pub(crate) fn renew_anchor(&self) {
        // Models have no clock: a renewal would make their runs differ.
        let is_due =
            |now: u64| !cfg!(ictus_loom) && now.wrapping_sub(self.anchored.load(Relaxed)) >= ANCHOR_INTERVAL;
        if !is_due(clock::now()) || self.anchoring.swap(true, Relaxed) {
            return;
        }
        let anchor = Anchor::now();
        if anchor.stamp < self.anchored.load(Relaxed).saturating_sub(MAX_STEP_BACK) {
            // Later stamps belong to another epoch.
            self.outlived.store(true, Relaxed);
            OUTLIVED.store(true, Relaxed);
        } else if is_due(anchor.stamp) && !self.has_outlived_clock() {
            // Another thread may have stored an anchor just now.
            anchors::write(&self.header.anchors, &anchor);
            self.anchored.store(anchor.stamp, Relaxed);
        }
        clock::calibrate();
        self.anchoring.store(false, Relaxed);
    }

    /// Whether the clock of its stamps was reset: the counter started again.
    pub(crate) fn has_outlived_clock(&self) -> bool {
        self.outlived.load(Relaxed)
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

    /// Whether it has memory to grow now. Tries to grow if it has not.
    pub(crate) fn can_grow(&self) -> bool {
        let used = self.header.cursor.load(Ordering::Relaxed) as usize * LINE;
        let wanted = used + GROWTH_STEP / 2;
        wanted <= self.mapping.committed() || self.commit(wanted.next_multiple_of(GROWTH_STEP)).is_ok()
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

#[cfg(test)]
mod tests {
    use super::{Directory, GROWTH_STEP, LINE, Relaxed, Segment};
    use crate::{Registry, sys::growth};

    #[test]
    fn growth_takes_at_most_one_system_call_for_each_step() {
        let parent = tempfile::tempdir().unwrap();
        let before = growth::syscall_count();
        let segment = Segment::create(&Directory::create(parent.path()).unwrap()).unwrap();
        for lines in (1..600).cycle().take(20_000) {
            segment.claim(lines).unwrap();
        }
        let (calls, committed) = (growth::syscall_count() - before, segment.mapping.committed());
        let used = segment.header.cursor.load(super::Ordering::Relaxed) as usize * LINE;
        assert!(used > 300 << 20 && committed - used <= 2 * GROWTH_STEP, "{used} of {committed} bytes");
        assert!(calls <= committed / GROWTH_STEP, "{calls} calls for {committed} bytes");
    }

    #[test]
    fn observations_on_grown_lanes_grow_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let registry = Registry::open(parent.path()).unwrap();
        let before = growth::syscall_count();
        let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
        // All pages of the exponential buckets, and the ring, are created in the first step.
        (0..3000).for_each(|n| timer.observe(1e-6 * f64::from(n)));
        assert_eq!(growth::syscall_count() - before, 1);
        (0..1_000_000).for_each(|n| timer.observe(1e-9 * f64::from(n)));
        assert_eq!(growth::syscall_count() - before, 1);
    }

    #[test]
    fn thread_stopped_during_growth_blocks_no_allocation() {
        let parent = tempfile::tempdir().unwrap();
        let segment = Segment::create(&Directory::create(parent.path()).unwrap()).unwrap();
        segment.growing.store(true, Relaxed);
        for _ in 0..3 * GROWTH_STEP / LINE / 16 {
            segment.claim(16).unwrap();
        }
        segment.claim((2 * GROWTH_STEP / LINE) as u64).unwrap();
    }
}
