//! Templates: the families under which a recorded family is shown, and the value of each shown
//! series.

use std::sync::Arc;

use super::{
    exposition::{ShownFamily, ShownType},
    labels::Labels,
    series_group::SeriesGroup,
    series_mapping::SeriesMapping,
    shown_series::{Buckets, ShownSeries, ShownValue},
    table::MetricShape,
};
use crate::{catalog::Kind, literals::number, snapshot::Family};

/// The families under which one recorded family is shown.
pub(crate) type FamilyTemplate = &'static [TemplatePart];

/// One family of a template.
#[derive(Debug)]
pub(crate) struct TemplatePart {
    /// Appended to the family's name; `note` is appended to the help text.
    pub(crate) suffix: &'static str,
    pub(crate) note: &'static str,
    pub(crate) shown_type: ShownType,
    /// Returns the value of a shown series, or none if it has no sample.
    value: fn(SeriesGroup<'_>, &mut BoundText) -> Option<ShownValue>,
}

const COUNTER: FamilyTemplate =
    &[part(ShownType::Counter, |members, _| Some(ShownValue::Counter(members.total())))];

const GAUGE: FamilyTemplate =
    &[part(ShownType::Gauge, |members, _| Some(ShownValue::Gauge(members.total())))];

/// The newest observation of a timer. Without an observation there is no sample.
const LAST_VALUE: FamilyTemplate =
    &[part(ShownType::Gauge, |members, _| members.newest().map(ShownValue::Gauge))];

/// A timer as the SDK shows it: the gauges `x` (one sample per quantile), `x_count` and `x_sum`.
const QUANTILE_GAUGES: FamilyTemplate = &[
    part(ShownType::Gauge, |members, _| members.quantiles().map(ShownValue::Quantiles)),
    TemplatePart {
        suffix: "_count",
        note: " - count",
        ..part(ShownType::Gauge, |members, _| Some(ShownValue::Gauge(members.count() as f64)))
    },
    TemplatePart {
        suffix: "_sum",
        note: " - sum",
        ..part(ShownType::Gauge, |members, _| Some(ShownValue::Gauge(members.sum())))
    },
];

const SUMMARY: FamilyTemplate = &[part(ShownType::Summary, |members, _| {
    let (quantiles, sum, count) = (members.quantiles(), members.sum(), members.count());
    Some(ShownValue::Summary { quantiles, sum, count })
})];

const HISTOGRAM: FamilyTemplate = &[part(ShownType::Histogram, |members, bounds| {
    let distribution = members.distribution();
    let bounds = bounds.format_value(&distribution.bounds);
    let exemplars = members.exemplars(&distribution);
    let sum = members.sum();
    Some(ShownValue::Histogram(Buckets { distribution, sum, exemplars, bounds, native: true }))
})];

const fn part(
    shown_type: ShownType,
    value: fn(SeriesGroup<'_>, &mut BoundText) -> Option<ShownValue>,
) -> TemplatePart {
    TemplatePart { suffix: "", note: "", shown_type, value }
}

/// Returns the template of a surface's row.
pub(crate) const fn of_shape(shape: MetricShape, summaries: bool) -> FamilyTemplate {
    match shape {
        MetricShape::Counter => COUNTER,
        MetricShape::Gauge => GAUGE,
        MetricShape::Newest => LAST_VALUE,
        MetricShape::Timer if summaries => SUMMARY,
        MetricShape::Timer => QUANTILE_GAUGES,
        MetricShape::Histogram => HISTOGRAM,
    }
}

/// Returns the template of a family that is shown as it was recorded.
pub(crate) const fn of_kind(kind: Kind) -> FamilyTemplate {
    match kind {
        Kind::Counter => COUNTER,
        Kind::Gauge => GAUGE,
        Kind::Timer => SUMMARY,
    }
}

impl TemplatePart {
    /// Overwrites the shown series with the values of `families`, which the mapping must fit.
    pub(crate) fn show(
        &self,
        layout: &SeriesMapping,
        families: &[Family],
        bounds: &mut BoundText,
        shown: &mut ShownFamily,
    ) {
        let ShownFamily { name, series, heads, .. } = shown;
        let (mut next, mut same) = (0, true);
        for (labels, members) in layout.iter(families) {
            if let Some(value) = (self.value)(members, bounds) {
                same &= write(series, next, labels, value);
                next += 1;
            }
        }
        if !same || next < series.len() {
            series.truncate(next);
            series.shrink_to(2 * next);
            heads.set(name, series);
        }
    }
}

/// Overwrites a series. Returns whether only numbers have changed, which is the usual case.
fn write(series: &mut Vec<ShownSeries>, at: usize, labels: &Labels, value: ShownValue) -> bool {
    match series.get_mut(at) {
        Some(shown) if shown.labels.equals(labels) => {
            let same = shown.value.has_same_layout(&value);
            shown.value = value;
            return same;
        }
        Some(shown) => *shown = ShownSeries { labels: labels.clone(), value },
        None => series.push(ShownSeries { labels: labels.clone(), value }),
    }
    false
}

/// The most recently formatted bounds, because all series of a family have the same ones.
#[derive(Debug, Default)]
pub(crate) struct BoundText {
    bounds: Vec<f64>,
    spelled: Arc<[String]>,
}

impl BoundText {
    pub(crate) fn format_value(&mut self, bounds: &[f64]) -> Arc<[String]> {
        if self.spelled.is_empty() || self.bounds != bounds {
            let spell = |bound| {
                let mut spelled = String::new();
                number::push(&mut spelled, bound);
                spelled
            };
            self.spelled = bounds.iter().copied().chain([f64::INFINITY]).map(spell).collect();
            self.bounds = bounds.to_vec();
        }
        self.spelled.clone()
    }
}
