//! The snapshot of the model's state: placement, definitions, windows and buckets.

use std::collections::BTreeMap;

use ictus::{catalog::Kind, snapshot::Distribution};

use super::{
    families::{FAMILIES, VERSIONS, help},
    lines::{Lines, family_line, family_name, numbers},
    model::{Labels, Model, Part, Segment, is_overflow, overflow},
};

/// The lines of a snapshot, and the windows of which only a part is certain.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) lines: Lines,
    /// By the name of the line: the number of newest observations that are certain (see `certain`),
    /// and all observations that the window may have.
    pub(crate) certain: BTreeMap<String, (usize, String)>,
}

/// Index of the segment, and its part.
type PartsOfSegments<'a> = Vec<(usize, &'a Part)>;

impl Model {
    /// Returns segment, labels and whether it is shown under these labels, for each part of a
    /// family, in the order in which the parts began.
    pub(crate) fn placed(&self, family: usize) -> Vec<(usize, Labels, bool)> {
        let mut parts: Vec<(u64, usize, &Labels)> = Vec::new();
        for (number, segment) in self.seen() {
            let of_family = segment.parts.iter().filter(|((of, _), _)| *of == family);
            parts.extend(of_family.map(|((_, labels), part)| (part.begun, number, labels)));
        }
        parts.sort_unstable();
        let mut places: Vec<&Labels> = Vec::new();
        let mut placed = Vec::new();
        for (_, number, labels) in parts {
            let limit = VERSIONS[self.segments[number].definitions[&family].0].max_series;
            let is_pinned = self.pinned.contains(&(number, family, labels.clone()));
            let mut has_place = places.contains(&labels);
            if !has_place && !is_overflow(labels) && !is_pinned && places.len() < limit {
                places.push(labels);
                has_place = true;
            }
            placed.push((number, labels.clone(), has_place && !is_pinned || is_overflow(labels)));
        }
        placed
    }

    /// Returns the parts of each series that is shown.
    pub(crate) fn shown(&self, family: usize) -> BTreeMap<Labels, PartsOfSegments<'_>> {
        let mut shown: BTreeMap<Labels, PartsOfSegments<'_>> = BTreeMap::new();
        for (number, labels, placed) in self.placed(family) {
            let part = &self.segments[number].parts[&(family, labels.clone())];
            let labels = if placed { labels } else { overflow(family) };
            shown.entry(labels).or_default().push((number, part));
        }
        shown
    }

    /// Returns the segments that define a family, the one whose definition applies last.
    fn definers(&self, family: usize) -> Vec<(bool, usize)> {
        let defines = |segment: &Segment| {
            segment.defines.contains(&family) || segment.parts.keys().any(|key| key.0 == family)
        };
        let all = self.seen().filter(|(_, segment)| defines(segment));
        let mut definers: Vec<_> = all.map(|(number, segment)| (segment.lives, number)).collect();
        definers.sort_unstable();
        definers
    }

    pub(crate) fn expected(&self) -> Expected {
        let mut expected = Expected::default();
        let (mut hidden, mut conflicts) = (0, 0);
        for (family, case) in FAMILIES.iter().enumerate() {
            let shown = self.shown(family);
            let definers = self.definers(family);
            let Some(&last) = definers.last().filter(|_| !shown.is_empty()) else { continue };
            let (version, help_version) = self.segments[last.1].definitions[&family];
            let living = definers.iter().filter(|(lives, _)| *lives);
            let versions = living.map(|(_, number)| self.segments[*number].definitions[&family].0);
            conflicts += versions.filter(|other| conflict(*other, version, case.kind)).count();
            let others = (0..FAMILIES.len()).filter(|other| FAMILIES[*other].name == case.name);
            let applies = others
                .filter_map(|other| Some((*self.definers(other).last()?, FAMILIES[other].kind)))
                .max_by_key(|(at, _)| *at);
            if applies.is_some_and(|(_, kind)| kind != case.kind) {
                hidden += 1;
                continue;
            }
            let name = family_name(case.name, case.labels);
            expected.lines.insert(name.clone(), family_line(case.kind, &help(help_version)));
            for (labels, parts) in shown {
                let name = format!("{name} {}", labels.join(","));
                match case.kind {
                    Kind::Timer => self.timer(family, version, &name, &parts, &mut expected),
                    _ => {
                        let value =
                            parts.iter().map(|(_, part)| part.value).fold(0.0, |sum, value| sum + value);
                        expected.lines.insert(name, numbers([value]));
                    }
                }
            }
        }
        let invalid = self.seen().map(|(_, segment)| segment.invalid).sum();
        let removed = self.seen().map(|(_, segment)| segment.removed).sum();
        for (name, count) in [
            ("bad", 0),
            ("conflicts", conflicts),
            ("hidden", hidden),
            ("invalid", invalid),
            ("removed", removed),
        ] {
            expected.lines.insert(name.to_owned(), count.to_string());
        }
        expected
    }

    fn timer(
        &self,
        family: usize,
        version: usize,
        name: &str,
        parts: &PartsOfSegments<'_>,
        expected: &mut Expected,
    ) {
        let version = &VERSIONS[version];
        let of = |number: usize| &VERSIONS[self.segments[number].definitions[&family].0];
        let lanes =
            || parts.iter().flat_map(|(number, part)| part.lanes.values().map(|lane| (*number, lane)));
        let all = || lanes().flat_map(|(_, lane)| lane.iter().map(|(_, value)| *value));
        let merged = |limit: &dyn Fn(usize) -> usize| {
            let mut merged: Vec<(u64, usize, f64)> = Vec::new();
            for (number, lane) in lanes() {
                let newest = &lane[lane.len().saturating_sub(limit(number))..];
                merged.extend(newest.iter().map(|&(stamp, value)| (stamp, number, value)));
            }
            merged.sort_by_key(|&(stamp, number, _)| (stamp, number));
            merged
        };
        let window = merged(&|number| of(number).window);
        let first = if version.ages { window.len() } else { window.len().saturating_sub(version.window) };
        let window_name = format!("{name} window");
        let certain = self.certain(family);
        if certain < version.window {
            let limit = |number| if self.has_adopted_lanes { usize::MAX } else { of(number).window };
            let possible = numbers(merged(&limit).iter().map(|one| one.2));
            expected.certain.insert(window_name.clone(), (certain, possible));
        }
        expected.lines.extend([
            (format!("{name} count"), all().count().to_string()),
            (format!("{name} sum"), numbers([all().fold(0.0, |sum, value| sum + value)])),
            (window_name, numbers(window[first..].iter().map(|one| one.2))),
        ]);
        let bounds: Vec<&[f64]> = parts.iter().filter_map(|(number, _)| of(*number).bounds).collect();
        let with_buckets = lanes().filter(|(number, _)| of(*number).bounds.is_some());
        let values: Vec<f64> =
            with_buckets.flat_map(|(_, lane)| lane.iter().map(|(_, value)| *value)).collect();
        let shared = shared(&bounds);
        let exemplars = exemplars(&shared, parts.iter().flat_map(|(_, part)| part.exemplars.values()));
        // How many a segment without buckets keeps depends on whether it was retired.
        if bounds.is_empty() || bounds.len() == parts.len() {
            expected.lines.insert(format!("{name} exemplars"), exemplars);
        }
        if !bounds.is_empty() {
            let mut classic = vec![0.0; shared.len() + 1];
            values.iter().for_each(|value| classic[shared.partition_point(|bound| bound < value)] += 1.0);
            expected.lines.insert(format!("{name} bounds"), numbers(shared));
            expected.lines.insert(format!("{name} classic"), numbers(classic));
        }
        expected.lines.insert(format!("{name} exponential"), exponential(&values));
    }

    /// Returns the number of observations that a window certainly has.
    ///
    /// The totals keep as many observations as the largest window that was defined when they were
    /// written. If a later definition has a larger one, older observations may be missing. If
    /// threads adopt lanes, two threads may have one lane, and one thread two.
    fn certain(&self, family: usize) -> usize {
        let is_cut = |&(lives, _): &(bool, usize)| !lives || self.has_adopted_lanes;
        let windows = self.definers(family).into_iter().filter(is_cut);
        let windows =
            windows.map(|(_, number)| VERSIONS[self.segments[number].definitions[&family].0].window);
        windows.min().unwrap_or(usize::MAX)
    }
}

/// Returns whether two versions define a family differently.
fn conflict(one: usize, other: usize, kind: Kind) -> bool {
    let options = |version: usize| {
        let version = &VERSIONS[version];
        let bounds = version.bounds.filter(|_| kind == Kind::Timer);
        (version.window, version.max_series, version.ages, version.bounds.is_some(), bounds)
    };
    options(one) != options(other)
}

/// Returns the bounds that all definitions have.
fn shared(bounds: &[&[f64]]) -> Vec<f64> {
    let first = bounds.first().into_iter().flat_map(|first| first.iter().copied());
    first.filter(|bound| bounds.iter().all(|other| other.contains(bound))).collect()
}

/// The newest exemplar of each bucket.
fn exemplars<'a>(bounds: &[f64], all: impl Iterator<Item = &'a (u64, f64, String)>) -> String {
    let mut newest: BTreeMap<usize, &(u64, f64, String)> = BTreeMap::new();
    for one in all {
        let kept = newest.entry(bounds.partition_point(|bound| *bound < one.1)).or_insert(one);
        if kept.0 < one.0 {
            *kept = one;
        }
    }
    let words: Vec<String> = newest.values().map(|(_, value, trace)| format!("{value:?}={trace}")).collect();
    words.join(" ")
}

/// Counts values in exponential buckets, one by one.
fn exponential(values: &[f64]) -> String {
    let mut zero = 0.0;
    let mut buckets: BTreeMap<i32, f64> = BTreeMap::new();
    for &value in values {
        match (-256..256).find(|&bucket| value <= Distribution::upper_bound(bucket)) {
            Some(-256) | None => zero += 1.0,
            Some(bucket) => *buckets.entry(bucket).or_default() += 1.0,
        }
    }
    numbers(
        [zero, 0.0]
            .into_iter()
            .chain(buckets.into_iter().flat_map(|(bucket, count)| [f64::from(bucket), count])),
    )
}
