//! An independent parser of Prometheus text 0.0.4.

use std::collections::BTreeMap;

pub(crate) type Labels = BTreeMap<String, String>;

/// The identity of a sample in an exposition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: Labels,
}

pub(crate) type Samples = BTreeMap<Series, f64>;

/// An exposition.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) samples: Samples,
    /// Type and help of each family.
    pub(crate) families: BTreeMap<String, (String, String)>,
}

impl Series {
    pub(crate) fn new(name: &str, labels: &[(&str, &str)]) -> Series {
        let labels = labels.iter().map(|&(label, value)| (label.to_owned(), value.to_owned()));
        Series { name: name.to_owned(), labels: labels.collect() }
    }

    /// Applies METRICS.md's relabelling rule: every `taskType` is also stored as `task_type`.
    pub(crate) fn relabelled(mut self) -> Series {
        if let Some(task) = self.labels.get("taskType").cloned() {
            self.labels.insert("task_type".to_owned(), task);
        }
        self
    }
}

impl Text {
    /// Parses an exposition. Panics on an invalid line, and on a duplicate sample or head.
    pub(crate) fn parse(text: &str) -> Text {
        let mut parsed = Text::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
                let previous = parsed.families.insert(name.to_owned(), (String::new(), unescaped(help)));
                assert_eq!(previous, None, "{line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                kind.clone_into(&mut parsed.families.get_mut(name).unwrap().0);
            } else {
                let (series, value) = sample(line).unwrap_or_else(|| panic!("{line:?}"));
                assert_eq!(parsed.samples.insert(series, value), None, "{line}");
            }
        }
        parsed
    }

    /// Returns the names of the families of a type.
    pub(crate) fn of_type(&self, wanted: &str) -> impl Iterator<Item = &str> {
        let wanted = wanted.to_owned();
        self.families.iter().filter(move |(_, (kind, _))| *kind == wanted).map(|(name, _)| name.as_str())
    }
}

fn sample(line: &str) -> Option<(Series, f64)> {
    let name = line.split(['{', ' ']).next()?;
    let mut rest = &line[name.len()..];
    let mut labels = Labels::new();
    if let Some(pairs) = rest.strip_prefix('{') {
        rest = pairs;
        while !rest.starts_with('}') {
            let (label, value) = rest.trim_start_matches(',').split_once("=\"")?;
            let end = closing_quote(value)?;
            labels.insert(label.to_owned(), unescaped(&value[..end]));
            rest = &value[end + 1..];
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ')?;
    Some((Series { name: name.to_owned(), labels }, value.replace("Inf", "inf").parse().ok()?))
}

fn closing_quote(value: &str) -> Option<usize> {
    let mut escaped = false;
    value.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                other => other.unwrap(),
            },
            other => other,
        });
    }
    plain
}

#[test]
fn samples_and_headers_are_parsed() {
    let text = "# HELP a A \\\\ b.\n# TYPE a gauge\na{x=\"1\",y=\"\\\"},\\n\\\\\"} 1e-05\na +Inf\n";
    let parsed = Text::parse(text);
    let samples: Vec<_> = parsed.samples.into_iter().collect();
    let full = Series::new("a", &[("x", "1"), ("y", "\"},\n\\")]);
    assert_eq!(samples, [(Series::new("a", &[]), f64::INFINITY), (full, 1e-5)]);
    assert_eq!(parsed.families["a"], ("gauge".to_owned(), "A \\ b.".to_owned()));
}
