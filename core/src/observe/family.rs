//! Families: they hand out the handles of their series.

use std::{marker::PhantomData, sync::Arc};

use super::{
    Counter, Gauge, Recorder, Timer, name,
    recorder::FamilyIndex,
    series::{Asked, Series},
};
use crate::{
    catalog::{Definition, Kind, Unit},
    error::{Error, Result},
    segment::descriptor::FamilyRecord,
};

/// Observations that quantiles are taken of.
const WINDOW: u32 = 1000;

/// All series of one metric, found by their label values.
#[derive(Clone, Debug)]
pub struct Family<M> {
    recorder: Arc<Recorder>,
    index: Arc<FamilyIndex>,
    metric: PhantomData<fn() -> M>,
}

/// A kind of handle: [`Counter`], [`Gauge`] or [`Timer`].
pub trait Metric: sealed::Metric {}

mod sealed {
    use super::{Arc, Kind, Recorder, Series};

    pub trait Metric {
        const KIND: Kind;
        #[expect(private_interfaces, reason = "sealed: no other crate can name this trait")]
        fn of(recorder: Arc<Recorder>, series: Arc<Series>) -> Self;
    }
}

macro_rules! metric {
    ($handle:ident) => {
        impl Metric for $handle {}
        impl sealed::Metric for $handle {
            const KIND: Kind = Kind::$handle;
            #[expect(private_interfaces, reason = "sealed: no other crate can name this trait")]
            fn of(recorder: Arc<Recorder>, series: Arc<Series>) -> $handle {
                $handle::new(recorder, series)
            }
        }
    };
}
metric!(Counter);
metric!(Gauge);
metric!(Timer);

impl<M: Metric> Family<M> {
    /// A family of the caller's own.
    pub(crate) fn new(
        recorder: &Arc<Recorder>,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<Family<M>> {
        name::metric(name)?;
        name::labels(labels, M::KIND)?;
        let unit = if M::KIND == Kind::Timer { Unit::Seconds } else { Unit::None };
        Family::register(recorder, name, help, unit, labels)
    }

    /// The family of a catalogued metric.
    pub(crate) fn recorded(recorder: &Arc<Recorder>, definition: &Definition) -> Result<Family<M>> {
        if definition.kind != M::KIND {
            return Err(Error::Mismatch {
                name: definition.name.to_owned(),
                existing: format!("a {:?}", definition.kind),
                asked: format!("a {:?}", M::KIND),
            });
        }
        Family::register(recorder, definition.name, "", definition.unit, definition.labels)
    }

    fn register(
        recorder: &Arc<Recorder>,
        name: &str,
        help: &str,
        unit: Unit,
        labels: &[&str],
    ) -> Result<Family<M>> {
        let index = recorder.family(FamilyRecord {
            name: name.to_owned(),
            help: help.to_owned(),
            kind: M::KIND,
            unit,
            window: WINDOW,
            bounds: if M::KIND == Kind::Timer { unit.buckets().to_vec() } else { Vec::new() },
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
        })?;
        Ok(Family { recorder: Arc::clone(recorder), index, metric: PhantomData })
    }

    /// The series with those label values, in the order of the family's label names; made where it
    /// is new. Keep the handle where observations are frequent: this looks the series up.
    ///
    /// # Errors
    ///
    /// [`Error::LabelCount`] where their number is not that of the family's labels.
    pub fn labels(&self, values: &[&str]) -> Result<M> {
        Ok(M::of(Arc::clone(&self.recorder), self.index.series(&Asked(values))?))
    }
}
