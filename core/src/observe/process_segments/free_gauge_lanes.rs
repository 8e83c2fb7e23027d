//! Lanes of gauges that were removed, for other gauges.

use std::sync::TryLockError;

use crate::{observe::gauge_lane::GaugeLane, segment::writer::Segment, sync::Mutex, sys::fork};

/// Unpublished lanes that no gauge has.
#[derive(Debug, Default)]
pub(in crate::observe) struct FreeGaugeLanes(Mutex<Vec<&'static GaugeLane>>);

impl FreeGaugeLanes {
    /// Returns the unpublished lane of a gauge that was removed from a segment.
    pub(in crate::observe) fn acquire(&self, segment: &Segment) -> Option<&'static GaugeLane> {
        self.with(|lanes| {
            let at = lanes.iter().rposition(|lane| lane.ordinal == segment.ordinal)?;
            Some(lanes.swap_remove(at))
        })?
    }

    /// Stores the hidden lane of a gauge that no thread can set any more.
    pub(in crate::observe) fn release(&self, lane: &'static GaugeLane) {
        if lane.generation == fork::generation() {
            self.with(|lanes| lanes.push(lane));
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<&'static GaugeLane>) -> T) -> Option<T> {
        match self.0.try_lock() {
            Ok(mut lanes) => Some(act(&mut lanes)),
            Err(TryLockError::Poisoned(poisoned)) => Some(act(&mut poisoned.into_inner())),
            // Recording never waits: one more lane is created, or one is leaked.
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
