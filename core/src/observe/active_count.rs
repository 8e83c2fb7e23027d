//! The exact number of a family's active series.
//!
//! A family has a limit of active series, and threads race for the last places below it.
//! [`ActiveCount`] begins an incarnation and counts it as one step, without a lock: a thread
//! announces the series in the count, begins its incarnation, and adds it to the count. A thread
//! that finds an announced series completes that step before its own. So no thread waits for
//! another one, and a forked child completes what a thread of its parent has announced.
//!
//! A series is refused only while the count is at the limit. A place is never taken twice for one
//! series, not even briefly, so a race for one series never costs another series its place.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::series::Series;

/// The active series of a family, up to a limit.
#[derive(Debug)]
pub(super) struct ActiveCount {
    max: usize,
    state: ArcSwap<ActiveState>,
}

#[derive(Debug)]
struct ActiveState {
    count: usize,
    /// A series that gets a place, and the number of its incarnation that has expired. Only present
    /// if there is a place for it.
    announced: Option<(Arc<Series>, u64)>,
}

impl ActiveCount {
    pub(super) fn new(max: usize) -> ActiveCount {
        ActiveCount { max, state: ArcSwap::new(Arc::new(ActiveState { count: 0, announced: None })) }
    }

    /// Whether all places are taken.
    pub(super) fn is_full(&self) -> bool {
        let state = self.state.load();
        state.announced.is_none() && state.count >= self.max
    }

    /// Begins the next incarnation of an expired series. Returns false if all places are taken. A
    /// series that is not expired stays as it is.
    pub(super) fn begin(&self, series: &Arc<Series>) -> bool {
        loop {
            let state = self.settled();
            let Some(life) = series.expired_life() else { return true };
            if state.count >= self.max {
                return false;
            }
            let announced = Some((Arc::clone(series), life));
            let next = Arc::new(ActiveState { count: state.count, announced });
            if self.replace(&state, &next) {
                self.complete(&next);
                return true;
            }
        }
    }

    /// Counts one active series less, after its incarnation has ended.
    pub(super) fn release(&self) {
        loop {
            // If the series that has ended is still announced, it is counted first.
            let state = self.settled();
            let next = Arc::new(ActiveState { count: state.count - 1, announced: None });
            if self.replace(&state, &next) {
                return;
            }
        }
    }

    /// Returns a state in which no series is announced.
    fn settled(&self) -> Arc<ActiveState> {
        loop {
            let state = self.state.load_full();
            if state.announced.is_none() {
                return state;
            }
            self.complete(&state);
        }
    }

    /// Begins the incarnation that is announced, and counts it. Of the threads that do this for one
    /// state, one changes the series and one, maybe another, changes the count.
    fn complete(&self, state: &Arc<ActiveState>) {
        let Some((series, life)) = &state.announced else { return };
        let begun = series.revive(*life);
        self.replace(
            state,
            &Arc::new(ActiveState { count: state.count + usize::from(begun), announced: None }),
        );
    }

    /// Replaces the state if it is still `from`.
    fn replace(&self, from: &Arc<ActiveState>, to: &Arc<ActiveState>) -> bool {
        let previous = self.state.compare_and_swap(from, Arc::clone(to));
        Arc::ptr_eq(&*previous, from)
    }
}
