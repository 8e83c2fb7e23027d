//! What becomes of a family's recorded values: which families they are shown as, and what each of
//! them says of a series.

use std::sync::Arc;

use super::{
    exposition::{Buckets, ShownFamily, ShownSeries, ShownType, ShownValue},
    labels::Labels,
    series_group::SeriesGroup,
    series_mapping::SeriesMapping,
    table::MetricShape,
};
use crate::{catalog::Kind, expose::number, snapshot::Family};

/// The families that one recorded family is shown as.
pub(crate) type FamilyTemplate = &'static [TemplatePart];

/// One of those families.
#[derive(Debug)]
pub(crate) struct TemplatePart {
    /// What the family adds to the name, and to the help text.
    pub(crate) suffix: &'static str,
    pub(crate) note: &'static str,
    pub(crate) shown_type: ShownType,
    /// What it says of a series, if anything.
    value: fn(SeriesGroup<'_>, &mut BoundText) -> Option<ShownValue>,
}

const COUNTER: FamilyTemplate =
    &[part(ShownType::Counter, |members, _| Some(ShownValue::Counter(members.total())))];

const GAUGE: FamilyTemplate =
    &[part(ShownType::Gauge, |members, _| Some(ShownValue::Gauge(members.total())))];

/// A timer's newest observation. Without an observation there is no sample.
const NEWEST: FamilyTemplate =
    &[part(ShownType::Gauge, |members, _| members.newest().map(ShownValue::Gauge))];

/// A timer as the SDK shows it: the gauges `x` (a sample a quantile), `x_count` and `x_sum`.
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
    let bounds = bounds.spell(&distribution.bounds);
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

/// The form of a row of a surface.
pub(crate) const fn of_shape(shape: MetricShape, summaries: bool) -> FamilyTemplate {
    match shape {
        MetricShape::Counter => COUNTER,
        MetricShape::Gauge => GAUGE,
        MetricShape::Newest => NEWEST,
        MetricShape::Timer if summaries => SUMMARY,
        MetricShape::Timer => QUANTILE_GAUGES,
        MetricShape::Histogram => HISTOGRAM,
    }
}

/// The form of a family that is shown as it is recorded.
pub(crate) const fn of_kind(kind: Kind) -> FamilyTemplate {
    match kind {
        Kind::Counter => COUNTER,
        Kind::Gauge => GAUGE,
        Kind::Timer => SUMMARY,
    }
}

impl TemplatePart {
    /// Overwrites the shown series with those of families that the layout fits.
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
                same &= put(series, next, labels, value);
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

/// Overwrites a series. Says whether nothing but numbers has changed: so it is nearly always.
fn put(series: &mut Vec<ShownSeries>, at: usize, labels: &Labels, value: ShownValue) -> bool {
    match series.get_mut(at) {
        Some(shown) if shown.labels.is(labels) => {
            let same = shown.value.is_like(&value);
            shown.value = value;
            return same;
        }
        Some(shown) => *shown = ShownSeries { labels: labels.clone(), value },
        None => series.push(ShownSeries { labels: labels.clone(), value }),
    }
    false
}

/// The last bounds that were spelled: those of a family's series are all alike.
#[derive(Debug, Default)]
pub(crate) struct BoundText {
    bounds: Vec<f64>,
    spelled: Arc<[String]>,
}

impl BoundText {
    pub(crate) fn spell(&mut self, bounds: &[f64]) -> Arc<[String]> {
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
