//! One metric with one set of label values, as the recording process knows it.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use hashbrown::Equivalent;

use super::lane::SharedLane;
use crate::{
    segment::{
        descriptor::{FamilyRecord, SeriesRecord},
        layout::AtomicRef,
        writer::Segment,
    },
    sync::{AtomicU32, AtomicU64, Ordering, process_wide},
};

/// A series of a family.
#[derive(Debug)]
pub(crate) struct Series {
    /// Dense and never reused in this process: the place in every thread's table of lanes.
    pub(super) id: usize,
    pub(super) family: Arc<DescribedFamily>,
    values: Values,
    described: Described,
    /// A gauge's one lane.
    pub(super) shared: AtomicRef<SharedLane>,
}

/// A family as its series know it.
#[derive(Debug)]
pub(crate) struct DescribedFamily {
    pub(super) record: FamilyRecord,
    described: Described,
}

impl DescribedFamily {
    pub(super) fn new(record: FamilyRecord) -> DescribedFamily {
        DescribedFamily { record, described: Described::default() }
    }
}

/// Label values, in the order of the family's label names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Values(Box<[Box<str>]>);

/// Label values to be looked up without allocating.
pub(crate) struct Asked<'a>(pub(crate) &'a [&'a str]);

impl Hash for Values {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|value| value.hash(state));
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|value| value.hash(state));
    }
}

impl Equivalent<Values> for Asked<'_> {
    fn equivalent(&self, values: &Values) -> bool {
        self.0.iter().copied().eq(values.0.iter().map(|value| &**value))
    }
}

impl From<&Asked<'_>> for Values {
    fn from(asked: &Asked<'_>) -> Values {
        Values(asked.0.iter().map(|&value| value.into()).collect())
    }
}

impl Series {
    pub(super) fn new(family: Arc<DescribedFamily>, asked: &Asked<'_>) -> Series {
        process_wide! {
            static IDS: AtomicU32 = AtomicU32::new(0);
        }
        Series {
            id: IDS.fetch_add(1, Ordering::Relaxed) as usize,
            family,
            values: asked.into(),
            described: Described::default(),
            shared: AtomicRef::none(),
        }
    }

    pub(super) fn values(&self) -> &Values {
        &self.values
    }

    /// The line of the series' descriptor, which is written where the segment has none yet.
    pub(super) fn describe(&self, segment: &Segment) -> Option<u64> {
        self.described.line(segment, || {
            let family =
                self.family.described.line(segment, || segment.describe(&self.family.record.encode()))?;
            segment.describe(&SeriesRecord::encode(family, &self.values.0))
        })
    }
}

/// Where in this process's present segment a descriptor is.
#[derive(Debug, Default)]
struct Described(
    /// The segment's ordinal in the high half, the line in the low one: after a fork, the line in
    /// the parent's segment is not taken for one in the child's.
    AtomicU64,
);

impl Described {
    /// The line, after `describe` where there is none. Threads that race describe twice; readers
    /// merge series by their label values, so either will do.
    fn line(&self, segment: &Segment, describe: impl FnOnce() -> Option<u64>) -> Option<u64> {
        let known = self.0.load(Ordering::Acquire);
        if known >> 32 == u64::from(segment.ordinal) {
            return Some(known & u64::from(u32::MAX));
        }
        let line = describe()?;
        // Release: whoever finds the line publishes a lane that points to it.
        self.0.store(u64::from(segment.ordinal) << 32 | line, Ordering::Release);
        Some(line)
    }
}
