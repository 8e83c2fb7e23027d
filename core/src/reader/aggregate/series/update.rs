//! Applying the collected changes of a series: its window, its sums, its state and its exemplars.

use std::sync::Arc;

use super::{Arrivals, LaneOrigin, SeriesAggregate, steps, window_changes};
use crate::{
    exemplar,
    snapshot::{Distribution, Exemplar, Observation, timeline::Timeline},
};

impl SeriesAggregate {
    /// Applies the collected changes. `window` is the length of the window.
    pub(crate) fn finish_update(&mut self, window: u32) {
        self.slide_changes(window);
        if !self.sums_subtractable {
            steps::count(self.shares.len());
            self.sums_subtractable = self.sums.recompute(self.shares.values().map(|share| &share.total));
        }
        if std::mem::take(&mut self.has_new_state) {
            steps::count(self.shares.len());
            // Added up again: subtracting floats would leave rounding errors.
            let sum = self.shares.values().fold(0.0, |state, share| state + share.total.state);
            // Each state is finite, so the sum that is shown must be finite, too.
            self.state = sum.clamp(f64::MIN, f64::MAX);
        }
        self.settle_exemplars();
    }

    /// Takes the newest exemplar of each bucket from all shares.
    fn settle_exemplars(&mut self) {
        // A changed share may have removed bounds from the series, which then has fewer buckets.
        if self.has_other_exemplars || !self.exemplars.is_empty() {
            let all = self.shares.values().flat_map(|share| share.total.exemplars.iter());
            self.exemplars = newest_exemplars(all, &self.sums.distribution);
            self.has_other_exemplars = false;
        }
    }

    /// Adds the observations of a lane from index `first` on, except those that are older than a
    /// whole window of others.
    pub(super) fn add_arrivals(
        &mut self,
        newest: Arrivals<'_>,
        first: usize,
        origin: LaneOrigin,
        window: u32,
    ) {
        let start = match self.oldest_kept.filter(|_| self.only_adds(window)) {
            Some(oldest) => newest.first_not_before(oldest),
            None => 0,
        };
        if start > first {
            self.evict(newest.age(start - 1));
        }
        self.changes.add(newest, first.max(start), origin);
        self.bound_changes(window);
    }

    /// Returns whether the changes until now let no older observation into the window again.
    fn only_adds(&self, window: u32) -> bool {
        self.shortest >= window && self.changes.only_add()
    }

    /// Bounds the memory of the collected changes.
    fn bound_changes(&mut self, window: u32) {
        let most = window as usize + MAX_SURPLUS;
        if self.changes.arrivals().len() <= most {
            return;
        }
        if self.only_adds(window)
            && let Some([dropped, oldest]) = self.changes.drop_surplus(window as usize)
        {
            steps::count(most);
            self.evict(Some(dropped));
            self.oldest_kept = Some(oldest);
        }
        // Of several clocks, or with equal timestamps.
        if self.changes.arrivals().len() > most {
            self.slide_changes(window);
        }
    }

    /// Records that an observation fell out of the window.
    fn evict(&mut self, age: Option<(u32, u64)>) {
        self.newest_evicted = newer(&self.timeline, self.newest_evicted, age);
    }

    /// Adds the observations that arrived.
    ///
    /// If the window is longer than the definition of a lane keeps, it holds at most as many
    /// observations of the lane as that definition keeps: as many as a new reader would find.
    pub(crate) fn slide_changes(&mut self, window: u32) {
        self.apply_removals();
        let mut arrivals = self.changes.take_arrivals();
        if arrivals.is_empty() {
            return;
        }
        steps::count(arrivals.len() + self.window.len());
        if self.shortest < window {
            // The totals hold the observations of several lanes.
            let own = |origin| self.shares.get(&origin).filter(|_| origin != LaneOrigin::TOTALS);
            let own = |origin| own(origin).map_or(usize::MAX, |share| share.record.window as usize);
            window_changes::limit(&mut self.window, &mut arrivals, own);
        }
        let older = window_changes::drop_older(&mut arrivals, &self.window, window as usize, &self.timeline);
        self.evict(older.map(|one| (one.epoch, one.stamp)));
        // The observations of the totals were ordered by the timeline of the process that retired
        // them.
        self.timeline.sort(&mut arrivals);
        self.slide(&arrivals, window);
    }

    fn slide(&mut self, arrivals: &[Observation], window: u32) {
        self.apply_removals();
        let fell = self.window.slide(arrivals, window as usize, &self.timeline);
        self.evict(fell.map(|one| (one.epoch, one.stamp)));
        self.oldest_kept = window_changes::oldest_kept(&self.window, window as usize);
    }

    /// Orders the window by another timeline. Returns whether lanes must be read again.
    pub(crate) fn retime(&mut self, timeline: &Timeline) -> bool {
        self.apply_removals();
        self.timeline = timeline.clone();
        self.window.retime(timeline);
        self.oldest_kept = None;
        // An observation that fell out, of any epoch, may now be newer than one in the window.
        if self.newest_evicted.is_some() && timeline.is_far() {
            self.invalidate();
        }
        self.needs_refill
    }

    /// Removes the observations of all leaving origins at once.
    pub(super) fn apply_removals(&mut self) {
        if !self.changes.only_add() {
            self.oldest_kept = None;
        }
        self.needs_refill |= self.changes.apply_removals(&mut self.window);
    }

    /// Changes the length of the window from `before` to `window`.
    pub(crate) fn resize(&mut self, old_window: u32, window: u32) {
        self.needs_refill |= window > old_window;
        self.slide(&[], window);
    }

    /// Returns whether no observation that fell out of the window belongs in it now. Must be called
    /// after `finish_update`.
    pub(crate) fn is_complete(&mut self, window: u32) -> bool {
        let oldest = self.window.iter().next().map(|one| (one.epoch, one.stamp));
        let is_full = self.window.len() == window as usize;
        let is_newer = |fell| newer(&self.timeline, oldest, Some(fell)) == oldest && oldest != Some(fell);
        self.needs_refill =
            self.needs_refill && self.newest_evicted.is_some_and(|fell| !(is_full && is_newer(fell)));
        !self.needs_refill
    }

    /// Accepts the window as it is after `finish_update`.
    pub(crate) fn accept_as_is(&mut self) {
        self.needs_refill = false;
    }

    /// Expects all shares again, with all observations that may be in the window. Returns their
    /// origins.
    pub(crate) fn request_reread(&mut self) -> Vec<LaneOrigin> {
        (self.newest_evicted, self.needs_refill) = (None, false);
        self.shares.values_mut().for_each(|share| share.rereading = true);
        self.shares.keys().copied().collect()
    }
}

/// The number of arrivals in addition to a whole window that a series collects before it drops the
/// older ones.
const MAX_SURPLUS: usize = 256;

/// Later than every timestamp.
pub(super) const NEVER: (u32, u64) = (u32::MAX, u64::MAX);

/// Returns the newer of two timestamps with their epochs.
pub(super) fn newer(
    timeline: &Timeline,
    one: Option<(u32, u64)>,
    other: Option<(u32, u64)>,
) -> Option<(u32, u64)> {
    let instant =
        |at: (u32, u64)| if at == NEVER { (u64::MAX, NEVER.0, NEVER.1) } else { timeline.instant(at) };
    if other.map(instant) > one.map(instant) { other } else { one }
}

fn newest_exemplars<'a>(
    all: impl Iterator<Item = &'a Exemplar>,
    distribution: &Distribution,
) -> Arc<[Exemplar]> {
    let mut all = all.cloned().collect();
    exemplar::keep_newest(&mut all, &distribution.bounds);
    all.into()
}
