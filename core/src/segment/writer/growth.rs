//! Lines of a segment: threads claim them, and the segment grows before they are used up.

use std::{io, sync::atomic::Ordering::Relaxed};

use super::Segment;
use crate::{
    clock,
    format::layout::{HealthCounter, LINE},
    sync::Ordering,
};

/// Memory is committed in steps of this many bytes.
pub(super) const GROWTH_STEP: usize = if cfg!(ictus_loom) { 8 * LINE } else { 256 << 10 };
/// Maximum attempts to claim lines. The end of a part may take some of the lines; parts are longer
/// than that.
const MAX_ATTEMPTS: usize = 4;
/// Delay after a failed growth before the next attempt, in nanoseconds.
const GROWTH_RETRY_DELAY: u64 = 1_000_000_000;

/// The error that there is no memory for more lines.
struct NoMemory;

impl Segment {
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
        // Step by step, so that a disk with less space yields all of it.
        while self.mapping.committed() < end && self.commit(self.mapping.committed() + GROWTH_STEP).is_ok() {}
    }

    /// Whether it has memory to grow now. Tries to grow if it has not.
    pub(crate) fn can_grow(&self) -> bool {
        let used = self.header.cursor.load(Ordering::Relaxed) as usize * LINE;
        let wanted = used + GROWTH_STEP / 2;
        wanted <= self.mapping.committed() || self.commit(wanted.next_multiple_of(GROWTH_STEP)).is_ok()
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
}

#[cfg(test)]
mod tests {
    use super::{GROWTH_STEP, LINE, Ordering, Relaxed, Segment};
    use crate::{Registry, directory::Directory, sys::growth};

    #[test]
    fn growth_takes_at_most_one_system_call_for_each_step() {
        let parent = tempfile::tempdir().unwrap();
        let previous = growth::syscall_count();
        let segment = Segment::create(&Directory::create(parent.path()).unwrap()).unwrap();
        for lines in (1..600).cycle().take(20_000) {
            segment.claim(lines).unwrap();
        }
        let (calls, committed) = (growth::syscall_count() - previous, segment.mapping.committed());
        let used = segment.header.cursor.load(Ordering::Relaxed) as usize * LINE;
        assert!(used > 300 << 20 && committed - used <= 2 * GROWTH_STEP, "{used} of {committed} bytes");
        assert!(calls <= committed / GROWTH_STEP, "{calls} calls for {committed} bytes");
    }

    #[test]
    fn observations_on_grown_lanes_grow_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let registry = Registry::open(parent.path()).unwrap();
        let previous = growth::syscall_count();
        let timer = registry.timer("work_seconds", "", &[]).unwrap().labels(&[]).unwrap();
        // All pages of the exponential buckets, and the ring, are created in the first step.
        (0..3000).for_each(|n| timer.observe(1e-6 * f64::from(n)));
        assert_eq!(growth::syscall_count() - previous, 1);
        (0..1_000_000).for_each(|n| timer.observe(1e-9 * f64::from(n)));
        assert_eq!(growth::syscall_count() - previous, 1);
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
