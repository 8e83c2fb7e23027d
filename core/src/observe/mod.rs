//! Recording: registry, families and the handles that observe.
//!
//! The door in. Knows nothing of snapshots: `observe` and `snapshot` meet only in the segment's
//! byte format.

use std::path::Path;

use crate::{catalog::Definition, error::Result};

/// Where a process records: its segment and the families in it.
#[derive(Clone, Debug)]
pub struct Registry {}

/// A family that hands out its series.
#[derive(Clone, Debug)]
pub struct Family<M> {
    _metric: std::marker::PhantomData<M>,
}

/// One series that counts.
#[derive(Clone, Debug)]
pub struct Counter {}

/// One series that holds a state.
#[derive(Clone, Debug)]
pub struct Gauge {}

/// One series that observes durations or sizes.
#[derive(Clone, Debug)]
pub struct Timer {}

impl Registry {
    /// A registry in this process's memory alone.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where the system gives no memory.
    pub fn new() -> Result<Registry> {
        Ok(Registry {})
    }

    /// A registry in a metrics directory, which is created where it is missing. The process's
    /// segment is made at the first observation, and anew in a forked child.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where the directory cannot be used.
    pub fn open(directory: impl AsRef<Path>) -> Result<Registry> {
        let _ = directory;
        Ok(Registry {})
    }

    /// The family of a catalogued Conductor counter.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`](crate::Error::Mismatch) where the definition is not a counter.
    pub fn recorded_counter(&self, definition: &Definition) -> Result<Family<Counter>> {
        let _ = definition;
        Ok(Family { _metric: std::marker::PhantomData })
    }

    /// The family of a catalogued Conductor gauge.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`](crate::Error::Mismatch) where the definition is not a gauge.
    pub fn recorded_gauge(&self, definition: &Definition) -> Result<Family<Gauge>> {
        let _ = definition;
        Ok(Family { _metric: std::marker::PhantomData })
    }

    /// The family of a catalogued Conductor timer.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`](crate::Error::Mismatch) where the definition is not a timer.
    pub fn recorded_timer(&self, definition: &Definition) -> Result<Family<Timer>> {
        let _ = definition;
        Ok(Family { _metric: std::marker::PhantomData })
    }
}

impl Family<Counter> {
    /// The series with those label values, made where it is new.
    ///
    /// # Errors
    ///
    /// [`Error::LabelCount`](crate::Error::LabelCount) where their number is wrong.
    pub fn labels(&self, values: &[&str]) -> Result<Counter> {
        let _ = values;
        Ok(Counter {})
    }
}

impl Family<Gauge> {
    /// The series with those label values, made where it is new.
    ///
    /// # Errors
    ///
    /// [`Error::LabelCount`](crate::Error::LabelCount) where their number is wrong.
    pub fn labels(&self, values: &[&str]) -> Result<Gauge> {
        let _ = values;
        Ok(Gauge {})
    }
}

impl Family<Timer> {
    /// The series with those label values, made where it is new.
    ///
    /// # Errors
    ///
    /// [`Error::LabelCount`](crate::Error::LabelCount) where their number is wrong.
    pub fn labels(&self, values: &[&str]) -> Result<Timer> {
        let _ = values;
        Ok(Timer {})
    }
}

impl Counter {
    /// Adds one.
    pub fn inc(&self) {}

    /// Adds `by`; a negative, NaN or infinite number is rejected and counted.
    pub fn add(&self, by: f64) {
        let _ = by;
    }
}

impl Gauge {
    /// Sets the state; NaN and infinities are kept as given.
    pub fn set(&self, to: f64) {
        let _ = to;
    }

    /// Adds `by`, which may be negative.
    pub fn add(&self, by: f64) {
        let _ = by;
    }
}

impl Timer {
    /// Records one observation, in the family's unit. Negative, NaN and infinite values are
    /// rejected and counted.
    pub fn observe(&self, value: f64) {
        let _ = value;
    }
}
