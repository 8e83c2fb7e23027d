//! Families by their names.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use ictus::surface::Exposition;

/// Which families are shown: all, or those that one of its names belongs to.
///
/// A family has its own name and those of its samples: a counter `x` and `x_total`, a summary `x`,
/// `x_count` and `x_sum`, a histogram `x_bucket` too. It is shown whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// None where all families are shown.
    names: BTreeSet<String>,
}

impl Filter {
    /// The families of those names; of no names, all. Names that no family has add nothing.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Filter {
        Filter { names: names.into_iter().map(Into::into).collect() }
    }

    /// The families of an exposition that are shown.
    pub(crate) fn exposition<'a>(&self, whole: &'a Exposition) -> Cow<'a, Exposition> {
        if self.is_all() {
            return Cow::Borrowed(whole);
        }
        Cow::Owned(whole.only(|family| self.shows(&family.name, family.shown_type.as_str())))
    }

    /// The families of a text 0.0.4 that are shown. A sample that no comment speaks of is a family.
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
            if comment.is_some() || !belongs(name, family, kind) {
                family = name;
                kind = kinds.get(family).copied().unwrap_or_default();
            }
            // Here a counter's suffix belongs to the family's name.
            let base = family.strip_suffix("_total").filter(|_| kind == "counter").unwrap_or(family);
            if self.shows(base, kind) {
                shown.extend([line, "\n"]);
            }
        }
        shown.into()
    }

    fn is_all(&self) -> bool {
        self.names.is_empty()
    }

    fn shows(&self, family: &str, kind: &str) -> bool {
        self.names.iter().any(|name| belongs(name, family, kind))
    }
}

/// Whether a family of that kind has that name, or one of its samples does.
fn belongs(name: &str, family: &str, kind: &str) -> bool {
    let has = |suffix: &str| suffix.is_empty() || suffixes(kind).contains(&suffix);
    name.strip_prefix(family).is_some_and(has)
}

/// What the names of a family's samples may add to its own.
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
    fn without_a_name_all_is_shown() {
        assert_eq!(shown(&[]), TEXT);
    }
}
