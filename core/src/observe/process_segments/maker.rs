//! Lets one thread create a segment for all threads that need it at the same time.
//!
//! The other threads wait for the pointer to it, but only for a limited time. Creating a segment
//! themselves would take as long, and two hundred segments created at once need two hundred times
//! the disk space and the addresses. No lock is held. If the creating thread is stopped, or was
//! left in the parent of a fork, a waiting thread creates its own segment.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{
            AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;

use crate::{
    clock,
    packed::{pack, unpack},
    segment::writer::Segment,
    sys::fork,
};

/// Maximum time that a thread waits for another thread that creates the segment.
const MAX_WAIT: Duration = Duration::from_millis(500);
/// Number of checks before a thread sleeps between checks, and the duration of that sleep.
const YIELDS: u32 = 64;
const RETRY_DELAY: Duration = Duration::from_micros(100);
/// Time after a failure, in nanoseconds, in which no segment is created.
const CREATION_RETRY_DELAY: u64 = 100_000_000;

/// Coordinates the creation of one segment.
#[derive(Debug, Default)]
pub(super) struct Maker {
    /// The thread that creates the segment: its generation in the high half, its number in the low
    /// half. 0 if there is none.
    by: AtomicU64,
    /// No segment is created before this nanosecond of the monotonic clock.
    retry_at: AtomicU64,
}

/// The thread that creates the segment.
enum MakerTurn<'a> {
    /// This thread, until the claim is dropped.
    Own(Claim<'a>),
    /// This thread, which a signal handler has interrupted while it creates the segment.
    Interrupted,
    Other,
}

struct Claim<'a> {
    maker: &'a Maker,
    thread: u64,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Fails if another thread has taken over because this one exceeded the wait.
        let _ = self.maker.by.compare_exchange(self.thread, 0, Release, Relaxed);
    }
}

impl Maker {
    /// Returns the segment in `current_segment`. Creates it if there is none, or if it is the
    /// parent's. If several threads create one, one of them is stored, and the others are passed to
    /// `discard`, unseen.
    pub(super) fn get_or_create(
        &self,
        current_segment: &ArcSwapOption<Segment>,
        make: impl FnOnce() -> Option<Segment>,
        discard: impl FnOnce(&Segment),
    ) -> Option<Arc<Segment>> {
        if let Some(segment) = is_own(current_segment) {
            return Some(segment);
        }
        // In a model no thread continues while this one waits, so all of them race.
        let _claim = if cfg!(ictus_loom) { None } else { self.turn(current_segment)? };
        let current = current_segment.load_full();
        if let Some(segment) = &current
            && segment.belongs_to_this_process()
        {
            return current;
        }
        if !cfg!(ictus_loom) && clock::monotonic() < self.retry_at.load(Relaxed) {
            return None;
        }
        let Some(new) = make().map(Arc::new) else {
            self.retry_at.store(clock::monotonic() + CREATION_RETRY_DELAY, Relaxed);
            return None;
        };
        let previous = current_segment.compare_and_swap(&current, Some(Arc::clone(&new)));
        if previous.as_ref().map(|segment| segment.id) == current.as_ref().map(|segment| segment.id) {
            return Some(new);
        }
        discard(&new);
        previous.clone()
    }

    /// Waits until this thread has the turn, until there is a segment, or until the wait for
    /// another thread times out. Returns none in a signal handler that has interrupted the
    /// creation.
    fn turn(&self, current_segment: &ArcSwapOption<Segment>) -> Option<Option<Claim<'_>>> {
        let thread = this_thread();
        let mut begun = None;
        for attempt in 0_u32.. {
            match self.claim(thread) {
                MakerTurn::Own(claim) => return Some(Some(claim)),
                MakerTurn::Interrupted => return None,
                MakerTurn::Other => {}
            }
            if attempt < YIELDS {
                thread::yield_now();
            } else {
                let begun = *begun.get_or_insert_with(Instant::now);
                if begun.elapsed() > MAX_WAIT {
                    break;
                }
                thread::sleep(RETRY_DELAY);
            }
            if is_own(current_segment).is_some() {
                break;
            }
        }
        Some(None)
    }

    fn claim(&self, thread: u64) -> MakerTurn<'_> {
        let by = self.by.load(Relaxed);
        if by == thread {
            return MakerTurn::Interrupted;
        }
        // A thread of the parent does not continue here.
        let is_free = by == 0 || generation(by) != generation(thread);
        if is_free && self.by.compare_exchange(by, thread, Acquire, Relaxed).is_ok() {
            return MakerTurn::Own(Claim { maker: self, thread });
        }
        MakerTurn::Other
    }
}

/// Returns the segment in a place if it belongs to this process.
fn is_own(current_segment: &ArcSwapOption<Segment>) -> Option<Arc<Segment>> {
    current_segment.load_full().filter(|segment| segment.belongs_to_this_process())
}

/// Returns the thread's key: the generation in the high half, a unique thread number in the low
/// half.
fn this_thread() -> u64 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    std::thread_local! {
        // Without a destructor: threads record until their very end.
        static NUMBER: Cell<u32> = const { Cell::new(0) };
    }
    let number = NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Relaxed));
        }
        number.get()
    });
    pack(fork::generation(), number)
}

fn generation(thread: u64) -> u32 {
    unpack(thread).0
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
        thread,
        time::{Duration, Instant},
    };

    use arc_swap::ArcSwapOption;

    use super::{MAX_WAIT, Maker};
    use crate::segment::writer::Segment;

    #[test]
    fn concurrent_threads_create_one_segment() {
        let (maker, current_segment, created) =
            (Maker::default(), ArcSwapOption::empty(), AtomicUsize::new(0));
        let make = || {
            created.fetch_add(1, Relaxed);
            thread::sleep(Duration::from_millis(50));
            Segment::anonymous().ok()
        };
        let ids: Vec<u64> = thread::scope(|scope| {
            let present = || {
                maker.get_or_create(&current_segment, make, |_| panic!("a second one was made")).unwrap().id
            };
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(present)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(created.load(Relaxed), 1);
        assert!(ids.iter().all(|&id| id == ids[0]));
    }

    #[test]
    fn wait_for_a_stopped_creator_is_bounded() {
        let (maker, current_segment) = (Maker::default(), ArcSwapOption::empty());
        maker.by.store(super::this_thread() + 1, Relaxed);
        let begun = Instant::now();
        let segment = maker.get_or_create(&current_segment, || Segment::anonymous().ok(), |_| {}).unwrap();
        assert!(begun.elapsed() >= MAX_WAIT && begun.elapsed() < 20 * MAX_WAIT);
        assert!(Arc::ptr_eq(&segment, &current_segment.load_full().unwrap()));
    }

    #[test]
    fn signal_handler_does_not_wait_for_the_thread_that_it_interrupted() {
        let (maker, current_segment) = (Maker::default(), ArcSwapOption::empty());
        let inner = || maker.get_or_create(&current_segment, || Segment::anonymous().ok(), |_| {});
        let segment = maker.get_or_create(
            &current_segment,
            || {
                assert!(inner().is_none());
                Segment::anonymous().ok()
            },
            |_| {},
        );
        assert!(segment.is_some() && inner().is_some());
    }

    #[test]
    fn failure_is_not_retried_immediately() {
        let (maker, current_segment, calls) = (Maker::default(), ArcSwapOption::empty(), AtomicUsize::new(0));
        let fail = || {
            calls.fetch_add(1, Relaxed);
            None
        };
        (0..1000).for_each(|_| assert!(maker.get_or_create(&current_segment, fail, |_| {}).is_none()));
        assert!(calls.load(Relaxed) < 100);
        thread::sleep(Duration::from_millis(150));
        assert!(maker.get_or_create(&current_segment, || Segment::anonymous().ok(), |_| {}).is_some());
    }
}
