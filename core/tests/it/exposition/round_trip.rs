//! Expositions of arbitrary snapshots, from a new and from a kept `Renderer`, parsed by an
//! independent parser.

use std::{collections::BTreeMap, sync::Arc};

use ictus::{
    catalog::{self, Definition, Kind, Unit},
    expose,
    snapshot::{Distribution, Family, Observation, Series, Snapshot, Timing, Value, Window},
    surface::{Exposition, Renderer, View},
};
use proptest::{collection::vec, prelude::*, sample::subsequence};

type Sample = (String, Vec<(String, String)>, f64);

/// Parses help texts and samples, following the description of the format alone.
fn parsed(text: &str) -> (Vec<(String, String)>, Vec<Sample>) {
    let (mut helps, mut samples) = (Vec::new(), Vec::new());
    assert!(text.is_empty() || text.ends_with('\n'));
    for line in text.split_terminator('\n') {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            helps.push((name.to_owned(), unescaped(&mut help.chars(), None)));
        } else if !line.starts_with("# TYPE ") {
            samples.push(sample(line));
        }
    }
    (helps, samples)
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    while let Some(label) = rest.strip_prefix(['{', ',']) {
        let (name, value) = label.split_once("=\"").unwrap();
        let mut value = value.chars();
        labels.push((name.to_owned(), unescaped(&mut value, Some('"'))));
        rest = value.as_str();
    }
    let number = rest.strip_prefix('}').unwrap_or(rest).strip_prefix(' ').unwrap();
    (name.to_owned(), labels, number.parse().unwrap())
}

fn unescaped(text: &mut std::str::Chars<'_>, end: Option<char>) -> String {
    let mut plain = String::new();
    while let Some(character) = text.next().filter(|&character| Some(character) != end) {
        plain.push(match character {
            '\\' => match text.next() {
                Some('n') => '\n',
                Some(escaped @ ('\\' | '"')) => escaped,
                other => panic!("{other:?} is not to be escaped"),
            },
            other => other,
        });
    }
    plain
}

/// Generates texts with many characters that must be escaped.
fn any_text() -> impl Strategy<Value = String> {
    vec(prop_oneof![Just('\\'), Just('\n'), Just('"'), Just('n'), Just(','), Just('}'), any::<char>()], 0..12)
        .prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #[test]
    fn labels_and_help_round_trip(
        help in any_text(),
        values in vec((any_text(), any_text()), 1..5),
        number in any::<f64>().prop_filter("equal to itself", |number| !number.is_nan()),
    ) {
        // The series are sorted by the label whose name comes first, though it was recorded second.
        let expected: BTreeMap<(&str, &str), f64> =
            values.iter().map(|(z, a)| ((a.as_str(), z.as_str()), number)).collect();
        let series = expected
            .iter()
            .map(|(&(a, z), &number)| Series::new([z.to_owned(), a.to_owned()], Value::Gauge(number)));
        let mut family = Family::new("level", Kind::Gauge, &["z", "a"], series.collect());
        family.help.clone_from(&help);
        let snapshot = Snapshot::new(vec![family]);
        let mut view = View::default();
        view.own_state = false;
        let exposition = Exposition::new(&snapshot, &view);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected: Vec<Sample> = expected
            .into_iter()
            .map(|((a, z), number)| ("level".to_owned(), vec![pair("a", a), pair("z", z)], number))
            .collect();
        let openmetrics = expose::openmetrics(&exposition);
        for text in [&expose::text(&exposition), openmetrics.strip_suffix("# EOF\n").unwrap()] {
            let (helps, samples) = parsed(text);
            prop_assert_eq!(helps, [("level".to_owned(), help.clone())]);
            prop_assert_eq!(&samples, &expected);
        }
        // Help texts contain no unescaped quote.
        prop_assert!(!openmetrics.lines().next().unwrap().replace("\\\\", "").replace("\\\"", "").contains('"'));
    }
}

/// Recorded metrics whose series are merged, shown under several names, or conflict with one
/// another.
const FAMILIES: [Definition; 8] = [
    catalog::TASK_POLL,
    catalog::TASK_POLL_TIME,
    catalog::EXTERNAL_PAYLOAD_USED,
    catalog::WORKFLOW_INPUT_SIZE,
    Definition::new("task_poll_total", Kind::Counter, Unit::None, &[]),
    Definition::new("wait", Kind::Timer, Unit::Seconds, &["z", "a"]),
    Definition::new("wait_count", Kind::Gauge, Unit::None, &["a"]),
    Definition::new("two words", Kind::Gauge, Unit::None, &[]),
];

/// Returns the label values of up to 27 series. All snapshots share them, as those of one reader
/// do.
fn pool(family: &Definition) -> Vec<Arc<[String]>> {
    let mut pool = vec![Vec::new()];
    for _ in family.labels {
        pool = pool.iter().flat_map(|first| ["", "1", "x\"\\\n"].map(|last| with(first, last))).collect();
    }
    pool.into_iter().map(Into::into).collect()
}

fn with(first: &[String], last: &str) -> Vec<String> {
    first.iter().cloned().chain([last.to_owned()]).collect()
}

fn any_value(kind: Kind) -> BoxedStrategy<Value> {
    let number = (0..4_000_000u32).prop_map(|number| f64::from(number) / 3.0);
    match kind {
        Kind::Counter => number.prop_map(Value::Counter).boxed(),
        Kind::Gauge => number.prop_map(Value::Gauge).boxed(),
        Kind::Timer => {
            (vec(number, 0..4), 0..3usize).prop_map(|(values, which)| timer(&values, BOUNDS[which])).boxed()
        }
        other => panic!("{other:?}"),
    }
}

/// Bucket bounds of processes with different options.
const BOUNDS: [&[f64]; 3] = [&[10.0, 1e3], &[1.0, 1e3], &[0.5, 10.0, 1e3]];

fn timer(values: &[f64], bounds: &[f64]) -> Value {
    let mut classic = vec![0; bounds.len() + 1];
    values.iter().for_each(|value| classic[bounds.partition_point(|bound| bound < value)] += 1);
    let observations = (0..).zip(values).map(|(stamp, &value)| Observation::new(stamp, value));
    let mut distribution = Distribution::default();
    (distribution.bounds, distribution.classic) = (bounds.to_vec(), classic);
    let mut timing = Timing::default();
    (timing.count, timing.sum) = (values.len() as u64, values.iter().sum());
    timing.window = Window::newest(observations.collect(), 1_000);
    timing.distribution = distribution.into();
    Value::Timer(timing)
}

/// Generates a family with some of its pool's series, and the same series with other values.
/// Sometimes the recorder has another definition of the metric.
fn any_family(definition: Definition) -> impl Strategy<Value = [Family; 2]> {
    let pool = pool(&definition);
    let most = pool.len();
    let series = subsequence(pool, 0..=most).prop_flat_map(move |labels| {
        let values = |labels| (Just(labels), any_value(definition.kind), any_value(definition.kind));
        labels.into_iter().map(values).collect::<Vec<_>>()
    });
    let differs = || prop::array::uniform2(prop::bool::weighted(0.1));
    (series, differs(), differs()).prop_map(move |(series, other, turned)| {
        let one = |(labels, value, _): &(Arc<[String]>, Value, Value)| (labels.clone(), value.clone());
        let next = |(labels, _, value): &(Arc<[String]>, Value, Value)| (labels.clone(), value.clone());
        [
            family(definition, other[0], turned[0], series.iter().map(one)),
            family(definition, other[1], turned[1], series.iter().map(next)),
        ]
    })
}

fn family(
    definition: Definition,
    other: bool,
    turned: bool,
    series: impl Iterator<Item = (Arc<[String]>, Value)>,
) -> Family {
    let series = series.map(|(labels, value)| Series::new(labels, value)).collect();
    let kind = if other { Kind::Gauge } else { definition.kind };
    let mut family = Family::new(definition.name, kind, definition.labels, series);
    family.unit = definition.unit;
    if turned {
        family.label_names.reverse();
        "turned".clone_into(&mut family.help);
    }
    family
}

/// Generates two snapshots with the same series of some of the families.
fn any_snapshots() -> impl Strategy<Value = [Snapshot; 2]> {
    let families: Vec<_> = FAMILIES.into_iter().map(|definition| any_family(definition).boxed()).collect();
    (subsequence(families, 0..=FAMILIES.len())).prop_flat_map(|families| families).prop_map(|pairs| {
        [0, 1].map(|which| Snapshot::new(pairs.iter().map(|pair| pair[which].clone()).collect()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn reused_renderer_equals_a_new_one(
            snapshots in vec(any_snapshots(), 1..4),
            summaries: bool,
        ) {
        for surfaces in ["legacy", "legacy,documented", "canonical"] {
            let mut view: View = surfaces.parse().unwrap();
            view.summaries = summaries;
            let mut plan = Renderer::new(&view);
            for snapshot in snapshots.iter().flatten() {
                let first = Exposition::new(snapshot, &view);
                let text = expose::text(plan.show(snapshot));
                prop_assert_eq!(&text, &expose::text(&first));
                // The samples equal the lines.
                let samples: Vec<Sample> = first.families().flat_map(|family| family.samples().map(|sample| {
                    let labels = sample.labels().map(|(name, value)| (name.to_owned(), value.to_owned()));
                    (format!("{}{}", family.name, sample.suffix), labels.collect(), sample.value)
                })).collect();
                prop_assert_eq!(parsed(&text).1, samples);
            }
        }
    }
}
