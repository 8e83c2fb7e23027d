//! The protobuf format, decoded by a reader that shares no code and no field number with the
//! encoder.

use std::collections::BTreeMap;

use ictus::{
    Registry, Snapshot,
    catalog::{self, Definition, Kind},
    expose,
    snapshot::{Distribution, Family, Series, SparseCounts, Timing, Value},
    surface::{Exposition, Surface, View},
};
use proptest::{collection::vec, prelude::*};

use self::wire::Message;
use crate::common;

mod wire;

type Labels = Vec<(String, String)>;
type Sample = (String, Labels, f64);

fn labels(metric: &Message<'_>) -> Labels {
    metric.messages(1).iter().map(|pair| (pair.string(1), pair.string(2))).collect()
}

/// Returns a family's samples, following the descriptions of the text formats.
fn samples(family: &Message<'_>) -> Vec<Sample> {
    let name = family.string(1);
    let base = name.strip_suffix("_total").unwrap_or(&name);
    match ["seconds", "bytes"].into_iter().find(|unit| base.ends_with(&format!("_{unit}"))) {
        Some(unit) => {
            assert_eq!(family.tags(), [1, 2, 3, 4, 5], "{name}");
            assert_eq!(family.string(5), unit, "{name}");
        }
        None => assert_eq!(family.tags(), [1, 2, 3, 4], "{name}"),
    }
    let mut samples = Vec::new();
    for metric in family.messages(4) {
        let labels = labels(&metric);
        let mut push = |suffix: &str, own: Option<(&str, f64)>, value| {
            let mut labels = labels.clone();
            labels.extend(own.map(|(name, value)| (name.to_owned(), value.to_string())));
            labels.sort();
            samples.push((format!("{name}{suffix}"), labels, value));
        };
        match family.number(3) {
            0 => push("", None, metric.message(3).double(1)),
            1 => push("", None, metric.message(2).double(1)),
            2 => {
                let summary = metric.message(4);
                for quantile in summary.messages(3) {
                    push("", Some(("quantile", quantile.double(1))), quantile.double(2));
                }
                push("_sum", None, summary.double(2));
                push("_count", None, summary.number(1) as f64);
            }
            4 => {
                let histogram = metric.message(7);
                for bucket in histogram.messages(3) {
                    push("_bucket", Some(("le", bucket.double(2))), bucket.number(1) as f64);
                }
                push("_count", None, histogram.number(1) as f64);
                push("_sum", None, histogram.double(2));
            }
            other => panic!("type {other}"),
        }
        // A metric has exactly one value in addition to its labels.
        let tags = metric.tags();
        assert_eq!(tags.iter().filter(|&&tag| tag != 1).count(), 1, "{tags:?}");
    }
    samples
}

/// Returns the samples of the text formats, with numbers in labels as Rust formats them.
fn expected(exposition: &Exposition) -> Vec<Sample> {
    let number = |(name, value): (&str, &str)| match name {
        "le" | "quantile" => (name.to_owned(), value.parse::<f64>().unwrap().to_string()),
        _ => (name.to_owned(), value.to_owned()),
    };
    let families = exposition.families();
    let samples = families.flat_map(|family| family.samples().map(move |sample| (family, sample)));
    samples
        .map(|(family, sample)| {
            let name = format!("{}{}", family.name, sample.suffix);
            (name, sample.labels().map(number).collect(), sample.value)
        })
        .collect()
}

#[test]
fn samples_equal_those_of_the_text_formats() {
    for surfaces in ["legacy", "documented", "legacy,documented", "canonical"] {
        for summaries in [false, true] {
            let mut view: View = surfaces.parse().unwrap();
            view.summaries = summaries;
            let exposition = Exposition::new(&common::snapshot(), &view);
            let bytes = expose::protobuf(&exposition, false);
            let families = wire::delimited(&bytes);
            let shown: Vec<Sample> = families.iter().flat_map(samples).collect();
            assert_eq!(shown, expected(&exposition), "{surfaces}");
            // Comments are the same, too.
            let comments = families.iter().map(|family| {
                let kind = ["counter", "gauge", "summary", "untyped", "histogram"][family.number(3) as usize];
                let (name, help) = (family.string(1), family.string(2));
                format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")
            });
            let text = expose::text(&exposition);
            let lines = text.split_inclusive('\n').filter(|line| line.starts_with("# "));
            assert_eq!(comments.collect::<String>(), lines.collect::<String>(), "{surfaces}");
        }
    }
}

#[test]
fn native_changes_nothing_but_histograms() {
    let mut view = View::default();
    for summaries in [false, true] {
        view.summaries = summaries;
        let exposition = Exposition::new(&common::snapshot(), &view);
        assert_eq!(expose::protobuf(&exposition, true), expose::protobuf(&exposition, false));
    }
}

#[test]
fn empty_exposition_has_no_bytes_and_output_is_appended() {
    assert!(expose::protobuf(&Exposition::default(), true).is_empty());
    let exposition = Exposition::new(&common::snapshot(), &View::default());
    let mut bytes = b"before".to_vec();
    expose::protobuf_into(&mut bytes, &exposition, false);
    assert_eq!(bytes.strip_prefix(b"before"), Some(&expose::protobuf(&exposition, false)[..]));
}

/// Passes the only histogram of a snapshot, in which polls alone are recorded, to `then`.
fn with_histogram<T>(snapshot: &Snapshot, native: bool, then: impl FnOnce(&Message<'_>) -> T) -> T {
    let mut view = View::new(&[Surface::Canonical]).unwrap();
    view.own_state = false;
    let bytes = expose::protobuf(&Exposition::new(snapshot, &view), native);
    let families = wire::delimited(&bytes);
    assert_eq!(families.len(), 1);
    assert_eq!(families[0].string(1), "task_poll_time_seconds");
    then(&families[0].message(4).message(7))
}

/// Returns the non-empty buckets of a native histogram, decoded from spans and deltas as in
/// Prometheus.
fn native_buckets(histogram: &Message<'_>) -> BTreeMap<i32, u64> {
    let mut deltas = histogram.signed_list(13).into_iter();
    let (mut at, mut count, mut buckets) = (0_i32, 0_i64, BTreeMap::new());
    for span in histogram.messages(12) {
        at = at.wrapping_add(i32::try_from(span.signed(1)).unwrap());
        for _ in 0..span.number(2) {
            count = count.wrapping_add(deltas.next().unwrap());
            if count != 0 {
                buckets.insert(at, count.cast_unsigned());
            }
            at = at.wrapping_add(1);
        }
    }
    assert_eq!(deltas.next(), None);
    buckets
}

fn polls(distribution: Distribution) -> Snapshot {
    let Definition { name, kind, labels, .. } = catalog::TASK_POLL_TIME;
    let mut timing = Timing::default();
    timing.distribution = distribution.into();
    let series = Series::new(vec![String::new(); 2], Value::Timer(timing));
    Snapshot::new(vec![Family::new(name, kind, labels, vec![series])])
}

/// Returns the bucket of schema 3 by its definition: the first one whose upper bound is not below
/// the value.
fn bucket_of(value: f64) -> i32 {
    let near = (value.log2() * 8.0).floor() as i32;
    (near - 1..=near + 2).find(|&bucket| value <= Distribution::upper_bound(bucket)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn native_histograms_equal_the_recorded_values(
        values in vec(prop_oneof![
            Just(0.0), Just(Distribution::ZERO_THRESHOLD), Just(0.5), Just(1.0),
            1e-12..1e-9, 1e-6..1e-2, 0.9..1.2, 1e-3..1e4f64, 1e9..1e20,
        ], 1..300),
    ) {
        let registry = Registry::new();
        let timer = registry.catalog_timer(&catalog::TASK_POLL_TIME)?.labels(&["resize", "SUCCESS"])?;
        values.iter().for_each(|&value| timer.observe(value));
        let mut zero = 0;
        let mut expected = BTreeMap::new();
        for &value in &values {
            if value <= Distribution::ZERO_THRESHOLD {
                zero += 1;
            } else {
                *expected.entry(bucket_of(value)).or_insert(0) += 1;
            }
        }
        let snapshot = registry.snapshot()?;
        with_histogram(&snapshot, true, |histogram| {
            prop_assert_eq!(histogram.signed(5), 3);
            prop_assert_eq!(histogram.double(6), 2f64.powi(-32));
            prop_assert_eq!(histogram.number(7), zero);
            prop_assert_eq!(native_buckets(histogram), expected);
            prop_assert_eq!(histogram.number(1), values.len() as u64);
            Ok(())
        })?;
        for native in [false, true] {
            with_histogram(&snapshot, native, |histogram| {
                let buckets = histogram.messages(3);
                let bounds: Vec<f64> = buckets.iter().map(|bucket| bucket.double(2)).collect();
                prop_assert!(bounds.is_sorted() && bounds.last() == Some(&f64::INFINITY));
                for bucket in buckets {
                    let count = values.iter().filter(|&&value| value <= bucket.double(2)).count();
                    prop_assert_eq!(bucket.number(1), count as u64);
                }
                Ok(())
            })?;
        }
    }

    #[test]
    fn arbitrary_buckets_round_trip(
        near in vec((-12..12i32, 0..50u64), 0..12),
        far in vec((any::<i32>(), any::<u64>()), 0..4),
        zero in 0..9u64,
    ) {
        let counts: BTreeMap<i32, u64> = near.into_iter().chain(far).filter(|&(_, count)| count > 0).collect();
        let exponential: SparseCounts = counts.iter().map(|(&bucket, &count)| (bucket, count)).collect();
        let mut distribution = Distribution::default();
        (distribution.zero, distribution.exponential) = (zero, exponential);
        let snapshot = polls(distribution);
        with_histogram(&snapshot, true, |histogram| {
            let sum = counts.values().fold(zero, |sum, &count| sum.saturating_add(count));
            prop_assert_eq!((histogram.number(1), histogram.number(7)), (sum, zero));
            prop_assert_eq!(native_buckets(histogram), counts);
            Ok(())
        })?;
    }

    #[test]
    fn labels_and_help_round_trip(
        help in any::<String>(),
        values in any::<[String; 2]>(),
        number in any::<f64>(),
    ) {
        let series = Series::new(values.to_vec(), Value::Gauge(number));
        // Labels are recorded in another order than they are shown.
        let mut family = Family::new("level", Kind::Gauge, &["z", "a"], vec![series]);
        family.help.clone_from(&help);
        let mut view = View::default();
        view.own_state = false;
        let snapshot = Snapshot::new(vec![family]);
        let bytes = expose::protobuf(&Exposition::new(&snapshot, &view), true);
        let families = wire::delimited(&bytes);
        prop_assert_eq!(families.len(), 1);
        prop_assert_eq!(families[0].string(2), help);
        let metric = families[0].message(4);
        let [z, a] = values;
        prop_assert_eq!(labels(&metric), [("a".to_owned(), a), ("z".to_owned(), z)]);
        // A gauge is a sum that starts at zero, so minus zero is shown as zero.
        prop_assert_eq!(metric.message(2).double(1).to_bits(), (0.0 + number).to_bits());
    }
}

#[test]
fn classic_histogram_has_no_native_fields() {
    let exponential: SparseCounts = [(1, 2)].into_iter().collect();
    let mut distribution = Distribution::default();
    (distribution.classic, distribution.zero, distribution.exponential) = (vec![5], 3, exponential);
    let snapshot = polls(distribution);
    with_histogram(&snapshot, false, |histogram| assert_eq!(histogram.tags(), [1, 2, 3]));
    with_histogram(&snapshot, true, |histogram| assert_eq!(histogram.tags(), [1, 2, 3, 5, 6, 7, 12, 13]));
}

#[test]
fn classic_buckets_have_exemplars() {
    let registry = Registry::new();
    let timer = registry.catalog_timer(&catalog::TASK_POLL_TIME).unwrap().labels(&["a", "SUCCESS"]).unwrap();
    timer.observe(0.02);
    timer.observe_with_exemplar(1e6, "4bf92f3577b34da6a3ce929d0e0e4736");
    let snapshot = registry.snapshot().unwrap();
    let Some(Value::Timer(timing)) = snapshot.families[0].get(&["SUCCESS", "a"]) else { panic!() };
    for native in [false, true] {
        with_histogram(&snapshot, native, |histogram| {
            let mut buckets = histogram.messages(3);
            let last = buckets.pop().unwrap();
            assert!(buckets.iter().all(|bucket| bucket.tags() == [1, 2]));
            assert_eq!((last.tags(), last.double(2)), (vec![1, 2, 3], f64::INFINITY));
            let exemplar = last.message(3);
            let id = ("trace_id".to_owned(), "4bf92f3577b34da6a3ce929d0e0e4736".to_owned());
            assert_eq!((labels(&exemplar), exemplar.double(2)), (vec![id], 1e6));
            let time = exemplar.message(3);
            assert_eq!(time.number(1) * 1_000_000_000 + time.number(2), timing.exemplars[0].time);
        });
    }
}

#[test]
fn empty_native_histogram_is_recognized_as_native() {
    with_histogram(&polls(Distribution::default()), true, |histogram| {
        assert_eq!(histogram.tags(), [1, 2, 3, 5, 6, 7]);
        assert_eq!((histogram.number(1), histogram.number(7)), (0, 0));
        assert!(histogram.double(6) > 0.0);
    });
}

#[test]
fn observations_without_an_exponential_bucket_are_in_classic_ones_only() {
    let mut distribution = Distribution::default();
    (distribution.bounds, distribution.classic) = (vec![1.0], vec![4, 6]);
    (distribution.zero, distribution.unallocated) = (1, 2);
    distribution.exponential = [(-3, 3), (8, 4)].into_iter().collect();
    for (native, count) in [(false, 10), (true, 8)] {
        with_histogram(&polls(distribution.clone()), native, |histogram| {
            let buckets = histogram.messages(3);
            let classic: Vec<_> = buckets.iter().map(|bucket| (bucket.double(2), bucket.number(1))).collect();
            assert_eq!(classic, [(1.0, 4), (f64::INFINITY, 10)]);
            assert_eq!(histogram.number(1), count);
        });
    }
}
