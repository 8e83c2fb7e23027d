//! External families: families of another library, shown together with those of Ictus in every
//! format.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    exposition::{Exposition, ShownFamily, ShownType},
    family_template::BoundText,
    internal_metrics,
    labels::Labels,
    line_prefixes::LinePrefixes,
    names::of_sorted,
    sample::QUANTILE,
    shown_series::{Buckets, ShownSeries, ShownValue},
    user_families::{RESERVED, names},
};
use crate::{
    error::{Error, Result},
    log_once,
    snapshot::Distribution,
};

/// A sample of another library: its name, its labels (including `le`) and its value.
pub type ExternalSample = (String, Vec<(String, String)>, f64);

/// The samples of one series, by suffix.
#[derive(Default)]
struct SampleParts {
    value: Option<f64>,
    count: Option<f64>,
    sum: Option<f64>,
    /// Upper bounds, and the number of observations up to each.
    buckets: Vec<(f64, f64)>,
    /// The reason why the series is not shown.
    invalid_reason: Option<&'static str>,
}

impl ShownFamily {
    /// Creates a family of another library from all its samples. `name` excludes a counter's
    /// `_total`. Buckets are cumulative, as in the text formats. `_created` samples are ignored.
    /// Names can have any characters; see [`View::utf8_names`](super::View::utf8_names).
    ///
    /// ```
    /// use ictus::surface::{Exposition, ShownFamily, ShownType};
    ///
    /// let sample = ("cards_total".to_owned(), vec![("bank".to_owned(), "b".to_owned())], 2.0);
    /// let cards = ShownFamily::external("cards", "Cards charged.", ShownType::Counter, [sample])?;
    /// let text = ictus::expose::text(&Exposition::default().with_families(&[cards]));
    /// assert!(text.ends_with("cards_total{bank=\"b\"} 2.0\n"), "{text}");
    /// # Ok::<(), ictus::Error>(())
    /// ```
    ///
    /// Series that no format can represent are omitted, logged once, and counted by
    /// [`Exposition::left_out`]. A series is omitted for one of these reasons:
    ///
    /// - A label name is empty, reserved by Prometheus, or used twice.
    /// - A sample occurs twice, or does not belong to the type.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] if no format can represent the name of the family.
    pub fn external(
        name: &str,
        help: &str,
        shown_type: ShownType,
        samples: impl IntoIterator<Item = ExternalSample>,
    ) -> Result<ShownFamily> {
        if name.is_empty() {
            return Err(Error::Name { name: String::new(), reason: "it is empty; give the family a name" });
        }
        let mut all: BTreeMap<Vec<(String, String)>, SampleParts> = BTreeMap::new();
        for (sample, mut labels, value) in samples {
            let Some(suffix) = sample.strip_prefix(name).filter(|suffix| *suffix != "_created") else {
                if !sample.starts_with(name) {
                    all.entry(labels).or_default().invalid_reason =
                        Some("one of its samples has another name");
                }
                continue;
            };
            let bound = if suffix == "_bucket" { bound(&mut labels).map(Some) } else { Ok(None) };
            labels.sort_unstable();
            let checked = check(&labels, shown_type);
            let parts = all.entry(labels).or_default();
            let added =
                bound.and_then(|bound| checked.and_then(|()| parts.add(shown_type, suffix, bound, value)));
            if let Err(why) = added {
                parts.invalid_reason = Some(why);
            }
        }
        let mut bounds = BoundText::default();
        let (mut series, mut left_out) = (Vec::new(), 0);
        for (labels, mut parts) in all {
            if let Some(why) = parts.invalid_reason.or_else(|| parts.bounds_twice()) {
                left_out += 1;
                log_once::warn_skipped(name, why);
                continue;
            }
            series.push(ShownSeries {
                labels: of_sorted(labels.into_iter()),
                value: parts.value(shown_type, &mut bounds),
            });
        }
        let mut heads = LinePrefixes::default();
        heads.set(name, &series);
        let (name, help) = (name.to_owned(), help.to_owned());
        Ok(ShownFamily { name, help, shown_type, series, heads, left_out })
    }
}

impl Exposition {
    /// Returns a copy that also shows families of other libraries.
    ///
    /// If a family of the same name and type exists, the series that it lacks are added to it. If a
    /// family of another type has the name, or a family has one of the names of its samples, the
    /// family is omitted and logged once.
    #[must_use]
    pub fn with_families(&self, external: &[ShownFamily]) -> Exposition {
        let mut families: Vec<_> = self.families().cloned().collect();
        let mut used: BTreeSet<String> = families.iter().flat_map(names).collect();
        let mut left_out = self.left_out;
        for other in external {
            let other = if self.utf8_names { Cow::Borrowed(other) } else { other.with_escaped_names() };
            left_out += other.left_out;
            let names = names(&other);
            let same = families
                .iter_mut()
                .find(|family| family.name == other.name && family.shown_type == other.shown_type);
            if let Some(same) = same {
                same.add_missing(&other);
            } else if names.iter().any(|name| used.contains(name)) {
                log_once::warn_skipped(
                    &other.name,
                    "another family is shown under that name; rename one of them",
                );
                left_out += other.series.len() as u64;
            } else {
                used.extend(names);
                families.push(other.into_owned());
            }
        }
        let mut both = Exposition { families, order: Vec::new(), left_out, utf8_names: self.utf8_names };
        internal_metrics::show_left_out(&mut both);
        both.sort();
        both
    }
}

impl ShownFamily {
    /// Adds the other family's series whose labels no series of this family has.
    fn add_missing(&mut self, other: &ShownFamily) {
        let existing: BTreeSet<_> = self.series.iter().map(|series| identity(&series.labels)).collect();
        let missing = other.series.iter().filter(|series| !existing.contains(&identity(&series.labels)));
        let missing: Vec<_> = missing.cloned().collect();
        if !missing.is_empty() {
            self.series.extend(missing);
            self.series.sort_by_cached_key(|series| identity(&series.labels));
            self.heads.set(&self.name, &self.series);
        }
    }
}

/// Returns the labels that identify a series, without `quantile`: it is a label in a series of
/// another library, but part of the value in a series of Ictus.
fn identity(labels: &Labels) -> Vec<(String, String)> {
    let labels = labels.iter().filter(|(name, _)| *name != "quantile");
    labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl SampleParts {
    /// Adds a sample. Fails if it exists already, or does not belong to the type.
    fn add(
        &mut self,
        shown_type: ShownType,
        suffix: &str,
        bound: Option<f64>,
        value: f64,
    ) -> std::result::Result<(), &'static str> {
        let part = match (shown_type, suffix, bound) {
            (ShownType::Counter, "_total", _) if value.is_nan() || value < 0.0 => {
                return Err("a counter is negative or no number");
            }
            (ShownType::Counter, "_total", _) | (ShownType::Gauge, "", _) => &mut self.value,
            (ShownType::Summary | ShownType::Histogram, "_count", _) => &mut self.count,
            (ShownType::Summary | ShownType::Histogram, "_sum", _) => &mut self.sum,
            (ShownType::Histogram, _, Some(bound)) => {
                self.buckets.push((bound, value));
                return Ok(());
            }
            _ => return Err("it has a sample that its type does not allow"),
        };
        if part.replace(value).is_none() { Ok(()) } else { Err(TWICE) }
    }

    /// Sorts the buckets; returns the reason if two have the same bound.
    fn bounds_twice(&mut self) -> Option<&'static str> {
        self.buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        self.buckets.windows(2).any(|pair| pair[0].0 == pair[1].0).then_some(TWICE)
    }

    fn value(self, shown_type: ShownType, bounds: &mut BoundText) -> ShownValue {
        let SampleParts { value, count, sum, buckets, .. } = self;
        let [value, count, sum] = [value, count, sum].map(Option::unwrap_or_default);
        match shown_type {
            ShownType::Counter => ShownValue::Counter(value),
            ShownType::Gauge => ShownValue::Gauge(value),
            // The library has no quantiles.
            ShownType::Summary => ShownValue::Summary { quantiles: None, sum, count: count as u64 },
            ShownType::Histogram => {
                let distribution = distribution(buckets, count);
                let bounds = bounds.format_value(&distribution.bounds);
                let distribution = Arc::new(distribution);
                ShownValue::Histogram(Buckets {
                    distribution,
                    sum,
                    exemplars: Arc::default(),
                    bounds,
                    native: false,
                })
            }
        }
    }
}

/// Converts cumulative buckets; the last one has the rest of the count.
fn distribution(mut buckets: Vec<(f64, f64)>, count: f64) -> Distribution {
    buckets.retain(|(bound, _)| bound.is_finite());
    let bounds = buckets.iter().map(|&(bound, _)| bound).collect();
    let mut below = 0;
    let cumulative = buckets.iter().map(|&(_, count)| count).chain([count]);
    let classic = cumulative.map(|count| {
        let own = (count as u64).saturating_sub(below);
        below += own;
        own
    });
    Distribution { classic: classic.collect(), bounds, ..Distribution::default() }
}

/// Removes the upper bound from the labels of a bucket, and returns it.
fn bound(labels: &mut Vec<(String, String)>) -> std::result::Result<f64, &'static str> {
    let at = labels.iter().position(|(name, _)| name == "le").ok_or("one of its buckets has no bound")?;
    let bound: f64 = labels.remove(at).1.parse().map_err(|_| "a bucket's bound is not a number")?;
    if bound.is_nan() { Err("a bucket's bound is not a number") } else { Ok(bound) }
}

const TWICE: &str = "one of its samples is there twice";

/// Checks whether sorted labels can be written.
fn check(labels: &[(String, String)], shown_type: ShownType) -> std::result::Result<(), &'static str> {
    let own = match shown_type {
        ShownType::Counter | ShownType::Gauge => None,
        ShownType::Summary => Some(QUANTILE),
        ShownType::Histogram => Some("le"),
    };
    if labels.iter().any(|(name, _)| name.is_empty()) {
        Err("a label has no name")
    } else if labels.iter().any(|(name, _)| name.starts_with(RESERVED)) {
        Err("a label's name starts with __, which is reserved for Prometheus")
    } else if labels.iter().any(|(name, _)| Some(name.as_str()) == own) {
        Err("a label has the name of the type's own one")
    } else if labels.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        Err("two of its labels have one name")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Exposition, ExternalSample, ShownFamily, ShownType};
    use crate::{Registry, expose, surface::View};

    fn sample(name: &str, labels: &[(&str, &str)], value: f64) -> ExternalSample {
        let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        (name.to_owned(), labels.collect(), value)
    }

    /// Returns a histogram of cards that are charged in 0.5, 1.5 and 9 seconds.
    fn seconds() -> ShownFamily {
        let bucket = |bound, value| sample("card_seconds_bucket", &[("le", bound), ("bank", "b")], value);
        let samples = [
            bucket("+Inf", 3.0),
            bucket("2.0", 2.0),
            bucket("1.0", 1.0),
            sample("card_seconds_count", &[("bank", "b")], 3.0),
            sample("card_seconds_sum", &[("bank", "b")], 11.0),
            sample("card_seconds_created", &[("bank", "b")], 1.7e9),
        ];
        ShownFamily::external("card_seconds", "A \"card\".", ShownType::Histogram, samples).unwrap()
    }

    fn others() -> Vec<ShownFamily> {
        let (counter, gauge) = (ShownType::Counter, ShownType::Gauge);
        let charged = ["d", "b"].map(|bank| sample("cards_total", &[("zone", "z"), ("bank", bank)], 2.0));
        let sizes = [sample("size_sum", &[], 4.5), sample("size_count", &[], 2.0)];
        vec![
            ShownFamily::external("cards", "Cards.", counter, charged).unwrap(),
            seconds(),
            ShownFamily::external("waiting", "", gauge, [sample("waiting", &[], -0.5)]).unwrap(),
            ShownFamily::external("size", "", ShownType::Summary, sizes).unwrap(),
            ShownFamily::external("nothing", "", gauge, []).unwrap(),
        ]
    }

    #[test]
    fn external_families_are_in_order_in_every_format() {
        let registry = Registry::new();
        registry.gauge("centre", "", &[]).unwrap().labels(&[]).unwrap().set(1.0);
        let mut view = View::default();
        view.own_state = false;
        let both = Exposition::new(&registry.snapshot().unwrap(), &view).with_families(&others());
        let text = r#"# HELP card_seconds A "card".
# TYPE card_seconds histogram
card_seconds_bucket{bank="b",le="1.0"} 1.0
card_seconds_bucket{bank="b",le="2.0"} 2.0
card_seconds_bucket{bank="b",le="+Inf"} 3.0
card_seconds_count{bank="b"} 3.0
card_seconds_sum{bank="b"} 11.0
# HELP cards_total Cards.
# TYPE cards_total counter
cards_total{bank="b",zone="z"} 2.0
cards_total{bank="d",zone="z"} 2.0
# HELP centre 
# TYPE centre gauge
centre 1.0
# HELP size 
# TYPE size summary
size_sum 4.5
size_count 2.0
# HELP waiting 
# TYPE waiting gauge
waiting -0.5
"#;
        assert_eq!(expose::text(&both), text);
        let openmetrics = text
            .replace("# HELP cards_total", "# HELP cards")
            .replace("# TYPE cards_total", "# TYPE cards")
            .replace("card_seconds histogram", "card_seconds histogram\n# UNIT card_seconds seconds")
            .replace("A \"card\".", "A \\\"card\\\".");
        assert_eq!(expose::openmetrics(&both), openmetrics + "# EOF\n");
    }

    /// A native histogram would lose the classic buckets, because the family has no exponential
    /// ones.
    #[test]
    fn external_histogram_stays_classic_in_native_expositions() {
        let only = Exposition::default().with_families(&[seconds()]);
        assert_eq!(expose::protobuf(&only, true), expose::protobuf(&only, false));
    }

    #[test]
    fn family_of_the_same_name_and_type_adds_missing_series() {
        let registry = Registry::new();
        let polls = registry.counter("polls", "Ours.", &["task"]).unwrap();
        polls.labels(&["a"]).unwrap().inc();
        let ours = Exposition::new(&registry.snapshot().unwrap(), &View::default());
        let samples = ["a", "b"].map(|task| sample("polls_total", &[("task", task)], 7.0));
        let theirs = ShownFamily::external("polls", "Theirs.", ShownType::Counter, samples).unwrap();
        let text = expose::text(&ours.with_families(&[theirs]));
        let expected = "# HELP polls_total Ours.\n# TYPE polls_total counter\n\
                        polls_total{task=\"a\"} 1.0\npolls_total{task=\"b\"} 7.0\n";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn each_name_has_one_family() {
        let registry = Registry::new();
        registry.counter("cards", "Ours.", &[]).unwrap().labels(&[]).unwrap().inc();
        registry.timer("size", "Ours.", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
        let ours = Exposition::new(&registry.snapshot().unwrap(), &View::default());
        let count =
            ShownFamily::external("size_count", "", ShownType::Gauge, [sample("size_count", &[], 1.0)]);
        let both = ours.with_families(&[others(), others(), vec![count.unwrap()]].concat());
        for (name, help) in [("cards", "Ours."), ("size", "Ours."), ("card_seconds", "A \"card\".")] {
            let helps: Vec<_> =
                both.families().filter(|family| family.name == name).map(|family| &*family.help).collect();
            assert_eq!(helps, [help], "{name}");
        }
        assert!(both.family("size_count").is_none());
    }

    #[test]
    fn unwritable_series_are_skipped_and_counted() {
        use ShownType::{Counter, Gauge, Histogram, Summary};
        ShownFamily::external("", "", Gauge, []).unwrap_err();
        for (shown_type, suffix, samples) in [
            (Gauge, "", vec![sample("y", &[], 1.0)]),
            (Gauge, "", vec![sample("x_sum", &[], 1.0)]),
            (Gauge, "", vec![sample("x", &[("", "")], 1.0)]),
            // Equal after escaping.
            (Gauge, "", vec![sample("x", &[("a-b", "1"), ("a.b", "2")], 1.0)]),
            (Gauge, "", vec![sample("x", &[("-_a", "1")], 1.0)]),
            (Gauge, "", vec![sample("x", &[("a-b", "1")], 1.0), sample("x", &[("a.b", "1")], 1.0)]),
            (Gauge, "", vec![sample("x", &[("__name__", "up")], 1.0)]),
            (Gauge, "", vec![sample("x", &[("__a", "up")], 1.0)]),
            (Gauge, "", vec![sample("x", &[("a", "1"), ("a", "2")], 1.0)]),
            (Gauge, "", vec![sample("x", &[("b", "1")], 1.0), sample("x", &[("b", "1")], 2.0)]),
            (Counter, "_total", vec![sample("x_total", &[("b", "1")], -1.0)]),
            (Counter, "_total", vec![sample("x_total", &[("b", "1")], f64::NAN)]),
            (Summary, "_sum", vec![sample("x_sum", &[("quantile", "0.5")], 1.0)]),
            (Histogram, "_sum", vec![sample("x_sum", &[("le", "0.5")], 1.0)]),
            (Histogram, "_sum", vec![sample("x", &[("b", "1")], 1.0)]),
            (Histogram, "_sum", vec![sample("x_bucket", &[("b", "1")], 1.0)]),
            (Histogram, "_sum", vec![sample("x_bucket", &[("le", "much")], 1.0)]),
            (Histogram, "_sum", vec![sample("x_bucket", &[("le", "nan")], 1.0)]),
            (Histogram, "_sum", vec![sample("x_bucket", &[("le", "1")], 1.0); 2]),
        ] {
            let good = sample(&format!("x{suffix}"), &[("b", "good")], 1.0);
            let name = format!("{samples:?}");
            let family =
                ShownFamily::external("x", "", shown_type, samples.into_iter().chain([good])).unwrap();
            let only = Exposition::default().with_families(&[family]);
            let shown = only.families().next().unwrap().series.len();
            // If two series become one, the first is shown.
            let is_twice = name.matches("\"x\", [(\"a").count() == 2;
            assert_eq!((only.left_out(), shown), (1, 1 + usize::from(is_twice)), "{name}");
        }
    }

    #[test]
    fn exposition_has_the_number_of_skipped_series() {
        let registry = Registry::new();
        registry.counter("cards", "Ours.", &[]).unwrap().labels(&[]).unwrap().inc();
        let ours = Exposition::new(&registry.snapshot().unwrap(), &View::default());
        let number = |exposition: &Exposition| {
            let text = expose::text(exposition);
            text.lines().find_map(|line| line.strip_prefix("ictus_series_left_out ")).unwrap().to_owned()
        };
        assert_eq!(number(&ours), "0.0");
        let up = sample("waiting", &[("__name__", "up")], 1.0);
        let waiting = ShownFamily::external("waiting", "", ShownType::Gauge, [up]).unwrap();
        // The series that no format can represent; the series of `cards` are added to the existing
        // family.
        let both = ours.with_families(&[others()[0].clone(), waiting]);
        assert_eq!((number(&both).as_str(), both.left_out()), ("1.0", 1));
    }
}
