//! Filter of families by name.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use ictus::surface::Exposition;

/// A set of names that selects families. Without names, it selects all families.
///
/// A family is selected by its own name and by the names of its samples: a counter by `x` and
/// `x_total`, a summary by `x`, `x_count` and `x_sum`, a histogram also by `x_bucket`. A family is
/// shown completely or not at all.
///
/// ```
/// use ictus::Registry;
/// use ictus_exporter::{Filter, Query, Source};
///
/// let registry = Registry::new();
/// registry.counter("jobs", "Jobs.", &[])?.labels(&[])?.inc();
/// registry.counter("mails", "Mails.", &[])?.labels(&[])?.inc();
/// let mut query = Query::default();
/// query.filter = Filter::new(["jobs"]);
/// let rendered = Source::from_registry(registry).render(&query)?;
/// let text = String::from_utf8_lossy(rendered.bytes());
/// assert!(text.contains("jobs_total 1.0") && !text.contains("mails"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Empty if all families are shown.
    names: BTreeSet<String>,
}

impl Filter {
    /// Creates a filter that selects the families of these names; without names, all families.
    /// Unknown names select nothing.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Filter {
        Filter { names: names.into_iter().map(Into::into).collect() }
    }

    /// Returns the selected families of an exposition.
    pub(crate) fn exposition<'a>(&self, whole: &'a Exposition) -> Cow<'a, Exposition> {
        if self.is_all() {
            return Cow::Borrowed(whole);
        }
        Cow::Owned(whole.filter(|family| self.includes(&family.name, family.shown_type.as_str())))
    }

    /// Returns the selected families of a text in format 0.0.4. A sample without HELP and TYPE
    /// comments is a family.
    pub(crate) fn text<'a>(&self, whole: Cow<'a, str>) -> Cow<'a, str> {
        if self.is_all() {
            return whole;
        }
        let types = whole.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let kinds: HashMap<&str, &str> = types.map(|(name, kind)| (name, kind.trim())).collect();
        let (mut family, mut kind, mut shown) = ("", "", String::new());
        for line in whole.split_terminator('\n') {
            let comment = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
            let name = comment.unwrap_or(line).split(['{', ' ', '\t']).next().unwrap_or_default();
            if comment.is_some() || !is_member(name, family, kind) {
                family = name;
                kind = kinds.get(family).copied().unwrap_or_default();
            }
            // In this format, the suffix of a counter belongs to the name of its family.
            let base = family.strip_suffix("_total").filter(|_| kind == "counter").unwrap_or(family);
            if self.includes(base, kind) {
                shown.extend([line, "\n"]);
            }
        }
        shown.into()
    }

    fn is_all(&self) -> bool {
        self.names.is_empty()
    }

    fn includes(&self, family: &str, kind: &str) -> bool {
        self.names.iter().any(|name| is_member(name, family, kind))
    }
}

/// Returns whether a family of that kind, or one of its samples, has that name.
fn is_member(name: &str, family: &str, kind: &str) -> bool {
    let has = |suffix: &str| suffix.is_empty() || suffixes(kind).contains(&suffix);
    name.strip_prefix(family).is_some_and(has)
}

/// Returns the suffixes that the names of a family's samples may have.
fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "counter" => &["_total"],
        "summary" => &["_count", "_sum"],
        "histogram" => &["_bucket", "_count", "_sum"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    const TEXT: &str = "\
# HELP jobs_total Jobs.
# TYPE jobs_total counter
jobs_total{queue=\"a\"} 1.0
# HELP wait Waits.
# TYPE wait summary
wait{quantile=\"0.5\"} 1.0
wait_sum 1.0
wait_count 1.0
# TYPE wait_max gauge
wait_max 1.0
bare 1.0
bare_count 1.0
# TYPE size histogram
size_bucket{le=\"+Inf\"} 1.0
size_count 1.0
size_sum 1.0
";

    fn shown(names: &[&str]) -> String {
        Filter::new(names.iter().copied()).text(TEXT.into()).into_owned()
    }

    #[test]
    fn a_family_is_found_by_each_of_its_names() {
        for (names, lines) in [
            (&["jobs", "jobs_total"][..], &[0, 1, 2][..]),
            (&["wait", "wait_sum", "wait_count"], &[3, 4, 5, 6, 7]),
            (&["wait_max"], &[8, 9]),
            (&["bare"], &[10]),
            (&["bare_count"], &[11]),
            (&["size", "size_bucket", "size_count", "size_sum"], &[12, 13, 14, 15]),
            (&["job", "jobs_sum", "wait_bucket", "wait_max_sum", "bare_sum", "size_total", "#"], &[]),
        ] {
            let all: Vec<_> = TEXT.lines().collect();
            let expected: String = lines.iter().map(|&line: &usize| all[line].to_owned() + "\n").collect();
            for name in names {
                assert_eq!(shown(&[name]), expected, "{name}");
            }
            assert_eq!(shown(names), expected, "{names:?}");
        }
    }

    #[test]
    fn filter_without_names_shows_everything() {
        assert_eq!(shown(&[]), TEXT);
    }
}
