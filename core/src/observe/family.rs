//! Families: each registers one metric and returns the handles of its series.

use std::{marker::PhantomData, sync::Arc};

use super::{
    Counter, Gauge, Recorder, Timer,
    family_index::FamilyIndex,
    label_values::LabelQuery,
    names::{self, Charset},
    series::Series,
};
use crate::{
    catalog::{Definition, Kind, Unit, counter_name},
    error::{Error, Result},
    format::{
        descriptor::FamilyDescriptor,
        layout::HealthCounter,
        limits::{MAX_HELP, MAX_SERIES, cut},
    },
    options::FamilyOptions,
    policy::{label_order::LabelOrder, series_limit::OVERFLOW},
};

/// All series of one metric, found by their label values.
///
/// A family is cheap to clone. The type parameter is its kind of handle: [`Counter`], [`Gauge`] or
/// [`Timer`].
///
/// ```
/// use ictus::Registry;
///
/// let registry = Registry::new();
/// let jobs = registry.counter("jobs", "Jobs by queue and result.", &["queue", "result"])?;
/// // Look up once, and keep the handle.
/// let sent = jobs.labels(&["mail", "sent"])?;
/// sent.inc();
/// assert!(jobs.labels(&["mail"]).is_err(), "a value for each label");
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Family<M> {
    recorder: Arc<Recorder>,
    index: Arc<FamilyIndex>,
    /// None if the caller's label names are sorted.
    order: Option<LabelOrder>,
    metric: PhantomData<fn() -> M>,
}

/// Maximum number of label values that are sorted without allocating.
const FEW_LABELS: usize = 16;

/// A kind of handle: [`Counter`], [`Gauge`] or [`Timer`].
pub trait MetricHandle: sealed::MetricHandle {}

mod sealed {
    use super::{Arc, Kind, Recorder, Series};

    pub trait MetricHandle {
        const KIND: Kind;
        #[expect(private_interfaces, reason = "sealed: no other crate can name this trait")]
        fn of(recorder: Arc<Recorder>, series: Arc<Series>) -> Self;
        /// Publishes the series, at 0 if nothing was recorded.
        fn publish(&self);
    }
}

macro_rules! metric {
    ($handle:ident) => {
        impl MetricHandle for $handle {}
        impl sealed::MetricHandle for $handle {
            const KIND: Kind = Kind::$handle;
            #[expect(private_interfaces, reason = "sealed: no other crate can name this trait")]
            fn of(recorder: Arc<Recorder>, series: Arc<Series>) -> $handle {
                $handle::new(recorder, series)
            }

            #[inline]
            fn publish(&self) {
                $handle::publish(self);
            }
        }
    };
}
metric!(Counter);
metric!(Gauge);
metric!(Timer);

impl<M: MetricHandle> Family<M> {
    /// Registers a family that the caller defines.
    pub(crate) fn new(
        recorder: &Arc<Recorder>,
        name: &str,
        help: &str,
        labels: &[&str],
        options: &FamilyOptions,
    ) -> Result<Family<M>> {
        let name = if M::KIND == Kind::Counter { counter_name(name) } else { name };
        let charset = if recorder.options().utf8_names { Charset::Utf8 } else { Charset::Plain };
        names::metric(name, charset)?;
        names::labels(labels, M::KIND, charset)?;
        names::lengths(name, labels)?;
        let unit = if M::KIND == Kind::Timer { Unit::Seconds } else { Unit::None };
        Family::register(recorder, name, help, unit, labels, options)
    }

    /// Registers the family of a metric of the catalog.
    pub(crate) fn recorded(recorder: &Arc<Recorder>, definition: &Definition) -> Result<Family<M>> {
        if definition.kind != M::KIND {
            return Err(Error::Mismatch {
                name: definition.name.to_owned(),
                existing: definition.kind.described(definition.unit, definition.labels),
                requested: M::KIND.described(definition.unit, definition.labels),
            });
        }
        let options = &recorder.options().families;
        Family::register(recorder, definition.name, "", definition.unit, definition.labels, options)
    }

    fn register(
        recorder: &Arc<Recorder>,
        name: &str,
        help: &str,
        unit: Unit,
        labels: &[&str],
        options: &FamilyOptions,
    ) -> Result<Family<M>> {
        options.validate()?;
        let bounds = options.buckets.as_deref().unwrap_or(unit.buckets());
        let given = labels;
        let mut labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        let order = LabelOrder::sort(&mut labels);
        let record = FamilyDescriptor {
            name: name.to_owned(),
            help: cut(help, MAX_HELP).to_owned(),
            kind: M::KIND,
            unit,
            window: options.window,
            max_age: options.max_age.map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)),
            expire_after: options
                .expire_after
                .map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
            max_series: options.max_series.min(MAX_SERIES),
            distribution: options.distribution,
            bounds: if M::KIND == Kind::Timer && options.distribution { bounds.to_vec() } else { Vec::new() },
            labels,
        };
        if !record.may_have(given.len() * OVERFLOW.len()) {
            let reason =
                "a family whose names are that long has fewer bounds: each bucket is shown with all of them";
            return Err(Error::Option { option: "buckets", reason });
        }
        let index = recorder.family(record)?;
        if order.is_some() {
            recorder.families.note_labels(name, given);
        }
        let family = Family { recorder: Arc::clone(recorder), index, order, metric: PhantomData };
        if given.is_empty() {
            // Create its only series now: no call to `labels` may precede the first observation.
            family.labels(&[])?;
        }
        Ok(family)
    }

    /// Returns the series with the given label values. Creates it if it is new.
    ///
    /// The values are in the order in which the family was given its label names. The series is
    /// shown from then on, at 0 until something is recorded, so that Prometheus's `increase` sees
    /// the first event. A family without labels has its one series from the start.
    ///
    /// Each call is a hash-table lookup: keep the handle where observations are frequent. Readers show
    /// only the first 64 KiB of a longer value. If the family has its maximum number of series, the
    /// handle is that of the [`OVERFLOW`](crate::OVERFLOW) series.
    ///
    /// ```
    /// let registry = ictus::Registry::new();
    /// let jobs = registry.counter("jobs", "Jobs done.", &["queue", "status"])?;
    /// jobs.labels(&["mail", "done"])?.inc();
    /// assert!(jobs.labels(&["mail"]).is_err());
    /// # Ok::<(), ictus::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::LabelCount`] if the number of values is not the number of the family's labels.
    pub fn labels(&self, values: &[&str]) -> Result<M> {
        let series =
            self.sorted(values, |values| self.index.series(&LabelQuery(values), &self.recorder.segments))?;
        let handle = M::of(Arc::clone(&self.recorder), series);
        // In a model, the threads race for the first lane.
        if cfg!(not(ictus_loom)) {
            handle.publish();
        }
        Ok(handle)
    }

    /// Counts a measurement that ended without label values in `HealthCounts::unlabelled`.
    ///
    /// For hosts whose measurements get their label values at the end and must not raise an error
    /// there.
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// let jobs = registry.timer("job_seconds", "How long a job takes.", &["outcome"])?;
    /// jobs.count_unlabelled();
    /// assert_eq!(registry.snapshot()?.health.counts.unlabelled, 1);
    /// # Ok::<(), ictus::Error>(())
    /// ```
    pub fn count_unlabelled(&self) {
        self.recorder.count_rejected(HealthCounter::Unlabelled);
    }

    pub(crate) fn index(&self) -> &FamilyIndex {
        &self.index
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Calls `act` with the label values in the order of the sorted label names.
    pub(crate) fn sorted<T>(&self, values: &[&str], act: impl FnOnce(&[&str]) -> T) -> T {
        let Some(order) = &self.order else { return act(values) };
        let mut buffer = [""; FEW_LABELS];
        match order.apply_into(values, &mut buffer) {
            Some(sorted) => act(sorted),
            // Many labels, or a wrong number of values, which `act` rejects.
            None => act(&order.apply(values)),
        }
    }
}
