//! The clocks of a directory: the fingerprint and the anchors of each epoch.

use std::collections::{BTreeMap, BTreeSet};

use super::Anchor;

/// The clocks of some epochs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Clocks(BTreeMap<u32, EpochClock>);

/// The clock of an epoch.
#[derive(Clone, Debug, Default, PartialEq)]
struct EpochClock {
    /// The fingerprint of its [identity](super::ClockIdentity::fingerprint); 0 if no process
    /// could compute it.
    fingerprint: u64,
    anchors: Vec<Anchor>,
}

/// Maximum number of anchors that are kept of an epoch when its processes have ended.
const MAX_ANCHORS: usize = 16;

impl Clocks {
    /// Adds anchors of an epoch.
    pub(crate) fn add(&mut self, epoch: u32, fingerprint: u64, anchors: impl IntoIterator<Item = Anchor>) {
        let clock = self.0.entry(epoch).or_default();
        clock.fingerprint = clock.fingerprint.max(fingerprint);
        clock.anchors.extend(anchors);
    }

    pub(crate) fn merge(&mut self, other: &Clocks) {
        for (&epoch, clock) in &other.0 {
            self.add(epoch, clock.fingerprint, clock.anchors.iter().copied());
        }
    }

    /// Returns each epoch with its fingerprint and anchors.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u64, &[Anchor])> {
        self.0.iter().map(|(&epoch, clock)| (epoch, clock.fingerprint, &clock.anchors[..]))
    }

    pub(crate) fn epochs(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    /// Returns the newest epoch of a clock.
    pub(crate) fn epoch_of(&self, fingerprint: u64) -> Option<u32> {
        let is_same = |clock: &EpochClock| fingerprint != 0 && clock.fingerprint == fingerprint;
        self.0.iter().rev().find(|(_, clock)| is_same(clock)).map(|(&epoch, _)| epoch)
    }

    /// Returns the greatest timestamp of an epoch's anchors.
    pub(crate) fn latest_stamp(&self, epoch: u32) -> u64 {
        let anchors = self.0.get(&epoch).map_or(&[][..], |clock| &clock.anchors);
        anchors.iter().map(|anchor| anchor.stamp).max().unwrap_or(0)
    }

    /// Returns the latest wall-clock time of all anchors.
    pub(crate) fn latest_time(&self) -> u64 {
        let anchors = self.0.values().flat_map(|clock| &clock.anchors);
        anchors.map(|anchor| anchor.wall).max().unwrap_or(0)
    }

    /// Keeps the clocks of epochs that have observations, and the newest, whose number must not be
    /// used again. Keeps few anchors of each.
    pub(crate) fn settle(&mut self, used: &BTreeSet<u32>) {
        let newest = self.0.last_key_value().map(|(&epoch, _)| epoch);
        self.0.retain(|epoch, _| used.contains(epoch) || Some(*epoch) == newest);
        self.0.values_mut().for_each(EpochClock::thin);
    }
}

impl EpochClock {
    /// Keeps at most [`MAX_ANCHORS`] anchors, spread over the whole time, and prefers the most
    /// certain ones.
    fn thin(&mut self) {
        self.anchors.sort_by_key(|anchor| (anchor.stamp, anchor.wall));
        self.anchors.dedup();
        let count = self.anchors.len();
        if count > MAX_ANCHORS {
            // The most certain anchor of each part.
            let part = |number: usize| number * count / MAX_ANCHORS..(number + 1) * count / MAX_ANCHORS;
            let parts = (0..MAX_ANCHORS).map(|number| &self.anchors[part(number)]);
            let best = parts.filter_map(|part| part.iter().min_by_key(|anchor| anchor.uncertainty)).copied();
            self.anchors = best.collect();
        }
    }
}
