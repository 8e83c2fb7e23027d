//! Search of series, as the page's search field has it: words, and selectors of PromQL.
//!
//! A word is found in names and labels, ignoring case. `name{label="value"}` and the operators `=~`,
//! `!=` and `!~` mean what they mean in PromQL, also without the name or the braces. A selector that
//! is not complete yet is read as far as it goes, because it is typed character by character. Of an
//! expression such as `sum(rate(name[5m]))`, the selectors are searched.

use std::mem;

use regex_lite::Regex;

use crate::series_names::FamilyNames;

/// A parsed search.
#[derive(Debug, Default)]
pub(crate) struct Search {
    terms: Vec<Term>,
    /// The selectors of an expression; a series matches one of them. Empty for other searches.
    alternatives: Vec<Vec<Term>>,
    /// Why a part of the search matches nothing.
    error: Option<String>,
}

#[derive(Debug)]
enum Term {
    Word { word: String, lowercase: String },
    Name(String),
    Matcher { label: String, is_negated: bool, value: LabelPattern },
}

#[derive(Debug)]
enum LabelPattern {
    Text(String),
    Expression(Regex),
    /// An expression with an error.
    Invalid,
}

/// Labels that Prometheus adds to samples of timers, not to series.
const OF_SAMPLES: [&str; 2] = ["quantile", "le"];

impl Search {
    pub(crate) fn parse(text: &str) -> Search {
        let mut search = Search::default();
        if is_expression(text) {
            search.selectors(text);
        }
        if search.alternatives.is_empty() {
            let mut rest = next(text);
            while !rest.is_empty() {
                rest = next(search.term(rest));
            }
        }
        search
    }

    /// Returns why a part of the search matches nothing, if it has an error.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Returns whether a series of a family, with these recorded label values, matches all terms.
    pub(crate) fn matches(&self, names: &FamilyNames, recorded: &[String]) -> bool {
        let is_match = |term: &Term| match term {
            Term::Word { word, lowercase } => {
                let is_in = |text: &str| text.to_lowercase().contains(lowercase);
                names.shown.iter().any(|shown| is_in(&shown.name) || shown.has_sample(word))
                    || is_in(&names.recorded)
                    || names.label_pairs(recorded).any(|(name, value)| is_in(&format!("{name}={value}")))
            }
            Term::Name(name) => names.has(name),
            Term::Matcher { label, .. } if OF_SAMPLES.contains(&label.as_str()) => true,
            Term::Matcher { label, is_negated, value } if label == "__name__" => {
                let all = names.shown.iter().map(|shown| shown.name.as_str());
                all.chain([names.recorded.as_str()]).any(|name| value.is(name)) != *is_negated
            }
            Term::Matcher { label, is_negated, value } => {
                let mut labels = names.label_pairs(recorded).chain(names.recorded_pairs(recorded));
                let found = labels.find(|(name, _)| name == label);
                // To Prometheus, a label that is missing is empty.
                value.is(found.map_or("", |(_, value)| value)) != *is_negated
            }
        };
        match &self.alternatives[..] {
            [] => self.terms.iter().all(is_match),
            all => all.iter().any(|terms| terms.iter().all(is_match)),
        }
    }

    /// Reads the selectors of an expression, each as an alternative.
    fn selectors(&mut self, mut text: &str) {
        while let Some(c) = text.chars().next() {
            let name = identifier(text);
            let after = &text[name.len()..];
            if ['"', '\'', '`'].contains(&c) {
                text = quoted(text).1;
            } else if after.starts_with('{') || (after.starts_with('[') && !name.is_empty()) {
                text = self.selector(name, after);
                self.alternatives.push(mem::take(&mut self.terms));
            } else if name.is_empty() {
                text = &text[c.len_utf8()..];
            } else {
                text = after;
            }
        }
    }

    /// Reads a selector after its name.
    fn selector<'a>(&mut self, name: &str, text: &'a str) -> &'a str {
        if !name.is_empty() {
            self.terms.push(Term::Name(name.to_owned()));
        }
        match text.strip_prefix('{') {
            Some(inside) => self.matchers(inside),
            None => after_range(text),
        }
    }

    /// Reads one term, and returns the rest.
    fn term<'a>(&mut self, text: &'a str) -> &'a str {
        let name = identifier(text);
        let after = &text[name.len()..];
        if after.starts_with('{') {
            return self.selector(name, after);
        }
        // Without quotes it is a word: `job=imp` finds `job=import`.
        if !name.is_empty()
            && let Some((operator, rest)) = operator(after)
            && rest.starts_with(['"', '\'', '`'])
        {
            return self.matcher(name, operator, rest);
        }
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let word = text[..end].to_owned();
        self.terms.push(Term::Word { lowercase: word.to_lowercase(), word });
        &text[end..]
    }

    /// Reads matchers up to the closing brace, and a range after it.
    fn matchers<'a>(&mut self, mut text: &'a str) -> &'a str {
        loop {
            text = next(text);
            let label = identifier(text);
            let after = text[label.len()..].trim_start();
            let Some((operator, rest)) = operator(after).filter(|_| !label.is_empty()) else {
                return after.strip_prefix('}').map_or("", after_range);
            };
            text = self.matcher(label, operator, rest.trim_start());
        }
    }

    /// Reads the value of a matcher, and returns what follows.
    fn matcher<'a>(&mut self, label: &str, operator: &str, text: &'a str) -> &'a str {
        let (value, rest) = quoted(text);
        let Some(value) = value else { return rest };
        let value = if !operator.ends_with('~') {
            LabelPattern::Text(value)
        } else {
            match Regex::new(&format!("^(?s:{value})$")) {
                Ok(expression) => LabelPattern::Expression(expression),
                Err(error) => {
                    self.error = Some(format!("{value} is not a regular expression: {error}"));
                    LabelPattern::Invalid
                }
            }
        };
        let is_negated = operator.starts_with('!') && !matches!(value, LabelPattern::Invalid);
        self.terms.push(Term::Matcher { label: label.to_owned(), is_negated, value });
        rest
    }
}

impl LabelPattern {
    fn is(&self, text: &str) -> bool {
        match self {
            LabelPattern::Text(value) => value == text,
            LabelPattern::Expression(expression) => expression.is_match(text),
            LabelPattern::Invalid => false,
        }
    }
}

/// Returns whether a text begins with a function or an aggregation of PromQL.
fn is_expression(text: &str) -> bool {
    let text = text.trim_start();
    let name = identifier(text);
    let after = text[name.len()..].trim_start();
    !name.is_empty() && (after.starts_with('(') || ["by", "without"].contains(&identifier(after)))
}

/// Returns the text after a range such as `[5m]`, if there is one.
fn after_range(text: &str) -> &str {
    let Some(range) = text.strip_prefix('[') else { return text };
    range.split_once(']').map_or("", |(_, rest)| rest)
}

/// Returns the text from the next term or matcher on.
fn next(text: &str) -> &str {
    text.trim_start_matches(|c: char| c == ',' || c.is_whitespace())
}

/// Returns the name of a metric or a label at the start of a text.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':' || c == '.'));
    &text[..end.unwrap_or(text.len())]
}

fn operator(text: &str) -> Option<(&str, &str)> {
    let operator = ["=~", "!~", "!=", "="].into_iter().find(|operator| text.starts_with(operator))?;
    Some((operator, &text[operator.len()..]))
}

/// Returns the text in quotes, and what follows; no text before the quotes or the value are closed.
fn quoted(text: &str) -> (Option<String>, &str) {
    let Some(quote) = text.chars().next().filter(|c| ['"', '\'', '`'].contains(c)) else {
        // Without quotes, up to the next matcher.
        let end = text.find([',', '}']).unwrap_or(text.len());
        return (Some(text[..end].trim().to_owned()).filter(|value| !value.is_empty()), &text[end..]);
    };
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => {
                is_escaped = false;
                value.push(match c {
                    'n' => '\n',
                    't' => '\t',
                    c => c,
                });
            }
            '\\' if quote != '`' => is_escaped = true,
            c if c == quote => return (Some(value), &text[at + c.len_utf8()..]),
            c => value.push(c),
        }
    }
    (None, "")
}

#[cfg(test)]
mod tests {
    use ictus::{
        Snapshot,
        catalog::{EXTERNAL_PAYLOAD_USED, Kind, TASK_EXECUTE_TIME, Unit},
        snapshot::{Family, Series, Timing, Value},
        surface::View,
    };
    use serde::Deserialize;

    use super::{FamilyNames, Search};
    use crate::json::json;

    /// The searches that `top` and the live page are tested with. A browser test reads the same file.
    #[derive(Deserialize)]
    struct Cases {
        snapshot: serde_json::Value,
        /// The names of the series of the snapshot, in its order.
        series: Vec<String>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        search: String,
        found: Vec<String>,
        #[serde(default)]
        has_error: bool,
    }

    fn family(name: &str, kind: Kind, labels: &[&str], series: &[&[&str]]) -> Family {
        let value = || match kind {
            Kind::Timer => Value::Timer(Timing::default()),
            Kind::Counter => Value::Counter(1.0),
            _ => Value::Gauge(1.0),
        };
        let series = series.iter().map(|values| {
            let values: Vec<String> = values.iter().map(|&one| one.to_owned()).collect();
            Series::new(values, value())
        });
        Family::new(name, kind, labels, series.collect())
    }

    fn snapshot() -> Snapshot {
        let mut executed = family(
            TASK_EXECUTE_TIME.name,
            Kind::Timer,
            TASK_EXECUTE_TIME.labels,
            &[&["charge_card", "SUCCESS"], &["refund", "FAILURE"]],
        );
        executed.unit = Unit::Seconds;
        let payload = EXTERNAL_PAYLOAD_USED;
        Snapshot::new(vec![
            executed,
            family(payload.name, payload.kind, payload.labels, &[&["resize", "READ", "TASK_INPUT"]]),
            family("queue.depth", Kind::Gauge, &["région"], &[&["Été à la mer"], &["-"]]),
            family("jobTime", Kind::Timer, &["path"], &[&["C:\\new \"a\"\n"], &["a+b"]]),
        ])
    }

    #[test]
    fn searches_find_the_series_of_the_shared_cases() {
        let Cases { snapshot: shared, series: ids, cases } =
            serde_json::from_str(include_str!("../tests/search_cases.json")).unwrap();
        let (snapshot, view) = (snapshot(), View::default());
        let written: serde_json::Value = serde_json::from_slice(&json(&snapshot, &view)).unwrap();
        assert_eq!(written["families"], shared["families"], "{}", written["families"]);
        for Case { search: text, found, has_error } in cases {
            let search = Search::parse(&text);
            let mut next_id = ids.iter();
            let mut matching = Vec::new();
            for family in &snapshot.families {
                let names = FamilyNames::new(&view, family);
                for series in &family.series {
                    let id = next_id.next().unwrap();
                    if search.matches(&names, &series.labels) {
                        matching.push(id.clone());
                    }
                }
            }
            assert_eq!((matching, search.error().is_some()), (found, has_error), "{text}");
        }
    }

    #[test]
    fn an_invalid_expression_is_reported() {
        let search = Search::parse("{status=~\"(\"}");
        assert!(search.error().is_some_and(|error| error.starts_with("( is not a regular expression")));
        assert!(Search::parse("{status=~\"a\"}").error().is_none());
    }
}
