//! The timer of a snapshot that a test examines.
#![allow(clippy::panic, reason = "a test stops at the first surprise")]

use ictus::{
    Snapshot,
    snapshot::{Timing, Value},
};

/// Returns the timer of that family with those label values. Panics if the snapshot has none.
pub(crate) fn timing(snapshot: &Snapshot, family: &str, labels: &[&str]) -> Timing {
    match snapshot.family(family).and_then(|family| family.get(labels)) {
        Some(Value::Timer(timing)) => timing.clone(),
        other => panic!("no timer {family}{labels:?} but {other:?}"),
    }
}
