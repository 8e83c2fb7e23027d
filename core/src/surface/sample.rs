//! Samples: the lines of a text format, one per value of a shown series.

use super::{
    exposition::ShownFamily,
    labels::Labels,
    shown_series::{Buckets, ShownSeries, ShownValue},
};
use crate::snapshot::{Exemplar, QUANTILES};

/// The label that distinguishes the quantiles of a timer.
pub(super) const QUANTILE: &str = "quantile";

/// [`QUANTILES`] as text.
const FORMATTED: [&str; QUANTILES.len()] = ["0.5", "0.75", "0.9", "0.95", "0.99"];

/// One line of an exposition.
///
/// ```
/// use ictus::{Registry, surface::{Exposition, View}};
///
/// let registry = Registry::new();
/// registry.counter("jobs", "", &["queue"])?.labels(&["mail"])?.add(2.0);
/// let exposition = Exposition::new(&registry.snapshot()?, &View::default());
/// let sample = exposition.family("jobs").and_then(|jobs| jobs.samples().next()).expect("a sample");
/// assert_eq!((sample.suffix, sample.value), ("_total", 2.0));
/// assert_eq!(sample.labels().collect::<Vec<_>>(), [("queue", "mail")]);
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The suffix of the family's name: empty, `_total`, `_count`, `_sum` or `_bucket`.
    pub suffix: &'static str,
    /// The value.
    pub value: f64,
    /// An observation of a histogram's bucket with its trace id, if there is one.
    pub exemplar: Option<&'a Exemplar>,
    /// The labels of the series.
    labels: &'a Labels,
    /// The label `quantile` or `le` and its value, if the sample has one.
    reserved_label: Option<(&'static str, &'a str)>,
}

impl<'a> Sample<'a> {
    /// Returns names and values, unescaped and sorted by name, including `quantile` or `le`.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let (first, after) = self.labels.split_at(self.reserved_label.map_or("", |(name, _)| name));
        first.chain(self.reserved_label).chain(after)
    }
}

impl ShownFamily {
    /// Returns the samples of all series, in the order in which they are written.
    pub fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.series.iter().flat_map(ShownSeries::samples)
    }

    /// Returns whether one of these samples has an exemplar.
    pub(crate) fn has_exemplars(&self) -> bool {
        let histograms = self.series.iter().filter_map(|series| series.value.buckets());
        histograms.map(|buckets| &buckets.exemplars).any(|exemplars| !exemplars.is_empty())
    }

    /// Returns the values of these samples.
    #[inline]
    pub(crate) fn numbers(&self) -> impl Iterator<Item = f64> {
        self.series.iter().flat_map(|ShownSeries { value, .. }| {
            let own = value.bucket_samples().map(|(_, number)| number);
            own.chain(value.plain_samples().map(|(_, number)| number))
        })
    }
}

impl ShownSeries {
    /// Returns the samples of the series, in the order in which they are written.
    pub fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        let ShownSeries { labels, value } = self;
        let (name, suffix) = value.own();
        let own = value.bucket_samples();
        let own = own.zip(value.bucket_exemplars()).map(move |((own, value), exemplar)| Sample {
            suffix,
            value,
            exemplar,
            labels,
            reserved_label: Some((name, own)),
        });
        let plain = value.plain_samples();
        let exemplar = None;
        own.chain(plain.map(move |(suffix, value)| Sample {
            suffix,
            value,
            exemplar,
            labels,
            reserved_label: None,
        }))
    }
}

impl ShownValue {
    /// Returns the label that distinguishes the quantiles or buckets of a series, and the suffix of
    /// their samples.
    pub(super) fn own(&self) -> (&'static str, &'static str) {
        if let ShownValue::Histogram(_) = self { ("le", "_bucket") } else { (QUANTILE, "") }
    }

    /// Returns these samples as pairs of label value and sample value. They precede the others.
    #[inline]
    pub(super) fn bucket_samples(&self) -> impl Iterator<Item = (&str, f64)> {
        let (quantiles, buckets) = match self {
            ShownValue::Counter(_) | ShownValue::Gauge(_) => (None, None),
            ShownValue::Quantiles(quantiles) => (Some(quantiles), None),
            ShownValue::Summary { quantiles, .. } => (quantiles.as_ref(), None),
            ShownValue::Histogram(buckets) => (None, Some(buckets)),
        };
        let quantiles =
            quantiles.into_iter().flat_map(|values| FORMATTED.into_iter().zip(values.iter().copied()));
        let buckets = buckets.into_iter().flat_map(Buckets::cumulative);
        quantiles.chain(buckets.map(|(bound, count)| (bound, count as f64)))
    }

    fn buckets(&self) -> Option<&Buckets> {
        if let ShownValue::Histogram(buckets) = self { Some(buckets) } else { None }
    }

    /// Returns the exemplars of these samples.
    fn bucket_exemplars(&self) -> impl Iterator<Item = Option<&Exemplar>> {
        self.buckets().into_iter().flat_map(Buckets::bucket_exemplars).chain(std::iter::repeat(None))
    }

    /// Returns the other samples as pairs of suffix and value.
    #[inline]
    pub(super) fn plain_samples(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let samples = match self {
            ShownValue::Counter(total) => [Some(("_total", *total)), None],
            ShownValue::Gauge(state) => [Some(("", *state)), None],
            ShownValue::Quantiles(_) => [None, None],
            ShownValue::Summary { sum, count, .. } => [Some(("_sum", *sum)), Some(("_count", *count as f64))],
            ShownValue::Histogram(Buckets { distribution, sum, .. }) => {
                [Some(("_count", distribution.count() as f64)), Some(("_sum", *sum))]
            }
        };
        samples.into_iter().flatten()
    }

    /// Returns whether the samples differ from those of another value only in their numbers.
    pub(super) fn has_same_layout(&self, other: &ShownValue) -> bool {
        use ShownValue::{Counter, Gauge, Histogram, Quantiles, Summary};
        match (self, other) {
            (Counter(_), Counter(_)) | (Gauge(_), Gauge(_)) | (Quantiles(_), Quantiles(_)) => true,
            (Summary { quantiles: one, .. }, Summary { quantiles: other, .. }) => {
                one.is_some() == other.is_some()
            }
            (Histogram(one), Histogram(other)) => one.has_same_layout(other),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FORMATTED, QUANTILES};

    #[test]
    fn quantiles_are_formatted_as_numbers() {
        assert_eq!(FORMATTED.map(str::to_owned), QUANTILES.map(|quantile| quantile.to_string()));
    }
}
