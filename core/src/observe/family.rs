//! Families: they hand out the handles of their series.

use std::{marker::PhantomData, sync::Arc};

use super::{
    Counter, Gauge, Recorder, Timer,
    index::FamilyIndex,
    name,
    series::{Asked, Series},
};
use crate::{
    catalog::{Definition, Kind, Unit},
    error::{Error, Result},
    options::Options,
    segment::descriptor::FamilyRecord,
};

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
        options: &Options,
    ) -> Result<Family<M>> {
        name::metric(name)?;
        name::labels(labels, M::KIND)?;
        let unit = if M::KIND == Kind::Timer { Unit::Seconds } else { Unit::None };
        Family::register(recorder, name, help, unit, labels, options)
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
        let options = recorder.options();
        Family::register(recorder, definition.name, "", definition.unit, definition.labels, options)
    }

    fn register(
        recorder: &Arc<Recorder>,
        name: &str,
        help: &str,
        unit: Unit,
        labels: &[&str],
        options: &Options,
    ) -> Result<Family<M>> {
        options.check()?;
        let bounds = options.buckets.as_deref().unwrap_or(unit.buckets());
        let index = recorder.family(FamilyRecord {
            name: name.to_owned(),
            help: help.to_owned(),
            kind: M::KIND,
            unit,
            window: options.window,
            max_age: options.max_age.map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)),
            max_series: options.max_series,
            bounds: if M::KIND == Kind::Timer { bounds.to_vec() } else { Vec::new() },
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
        })?;
        Ok(Family { recorder: Arc::clone(recorder), index, metric: PhantomData })
    }

    /// The series with those label values, in the order of the family's label names; made where it
    /// is new. Keep the handle where observations are frequent: this looks the series up. Where the
    /// family is full, the handle is that of the [`OVERFLOW`](crate::OVERFLOW) series.
    ///
    /// # Errors
    ///
    /// [`Error::LabelCount`] where their number is not that of the family's labels.
    pub fn labels(&self, values: &[&str]) -> Result<M> {
        let series = self.index.series(&Asked(values), &self.recorder)?;
        Ok(M::of(Arc::clone(&self.recorder), series))
    }
}
