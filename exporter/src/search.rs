//! Search of series, as the page's search field has it: words, and selectors of PromQL.
//!
//! A word is found in names and labels, ignoring case. `name{label="value"}` and the operators `=~`,
//! `!=` and `!~` mean what they mean in PromQL, also without the name or the braces. A selector that
//! is not complete yet is read as far as it goes, because it is typed character by character.

use regex_lite::Regex;

use crate::series_names::{FamilyNames, line};

/// A parsed search.
#[derive(Debug, Default)]
pub(crate) struct Search {
    terms: Vec<Term>,
    /// Why a part of the search matches nothing.
    error: Option<String>,
}

#[derive(Debug)]
enum Term {
    /// Lower case.
    Word(String),
    Name(String),
    Matcher {
        label: String,
        is_negated: bool,
        value: LabelPattern,
    },
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
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            rest = search.term(rest).trim_start();
        }
        search
    }

    /// Returns why a part of the search matches nothing, if it has an error.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Returns whether a series matches all terms.
    pub(crate) fn matches(&self, names: &FamilyNames, labels: &[(String, String)]) -> bool {
        self.terms.iter().all(|term| match term {
            Term::Word(word) => {
                let is_in = |text: &str| text.to_lowercase().contains(word);
                names.shown.iter().any(|shown| is_in(&shown.name) || shown.has_sample(word))
                    || is_in(&names.recorded)
                    || is_in(&line(labels))
            }
            Term::Name(name) => names.has(name),
            Term::Matcher { label, .. } if OF_SAMPLES.contains(&label.as_str()) => true,
            Term::Matcher { label, is_negated, value } if label == "__name__" => {
                let all = names.shown.iter().map(|shown| shown.name.as_str());
                all.chain([names.recorded.as_str()]).any(|name| value.is(name)) != *is_negated
            }
            Term::Matcher { label, is_negated, value } => {
                let found = labels.iter().find(|(name, _)| name == label);
                // To Prometheus, a label that is missing is empty.
                value.is(found.map_or("", |(_, value)| value)) != *is_negated
            }
        })
    }

    /// Reads one term, and returns the rest.
    fn term<'a>(&mut self, text: &'a str) -> &'a str {
        let name = identifier(text);
        let after = &text[name.len()..];
        if let Some(inside) = after.strip_prefix('{') {
            if !name.is_empty() {
                self.terms.push(Term::Name(name.to_owned()));
            }
            return self.matchers(inside);
        }
        // Without quotes it is a word: `job=imp` finds `job=import`.
        if let Some((operator, rest)) = operator(after)
            && rest.starts_with(['"', '\'', '`'])
        {
            return self.matcher(name, operator, rest);
        }
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        self.terms.push(Term::Word(text[..end].to_lowercase()));
        &text[end..]
    }

    /// Reads matchers up to the closing brace, and a range after it.
    fn matchers<'a>(&mut self, mut text: &'a str) -> &'a str {
        loop {
            text = text.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
            let label = identifier(text);
            let after = text[label.len()..].trim_start();
            let Some((operator, rest)) = operator(after).filter(|_| !label.is_empty()) else {
                let Some(closed) = after.strip_prefix('}') else { return "" };
                let is_range = closed.starts_with('[');
                return closed.find(']').filter(|_| is_range).map_or(closed, |end| &closed[end + 1..]);
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
        catalog::Kind,
        snapshot::{Family, Series, Timing, Value},
        surface::View,
    };

    use super::{FamilyNames, Search};

    const LABELS: [&str; 2] = ["status", "taskType"];

    fn matches(search: &str) -> bool {
        let labels = ["SUCCESS".to_owned(), "charge_card".to_owned()];
        let series = Series::new(labels, Value::Timer(Timing::default()));
        let family = Family::new("conductor/task_execute_time", Kind::Timer, &LABELS, vec![series]);
        let names = FamilyNames::new(&View::default(), &family);
        let labels = names.labels(&family, &family.series[0]);
        Search::parse(search).matches(&names, &labels)
    }

    #[test]
    fn series_are_found_by_words_names_and_matchers() {
        for search in [
            "",
            "  ",
            "task_execute_time",
            "task_execute_time_seconds",
            "task_execute_time_seconds_count",
            "EXECUTE charge",
            "status=succ",
            "taskType=\"charge_card\"",
            "taskType='charge_card' execute",
            "task_execute_time_seconds{}",
            "task_execute_time{taskType=\"charge_card\"}",
            "task_execute_time_seconds{taskType=\"charge_card\",status=\"SUCCESS\",quantile=\"0.99\"}",
            "task_execute_time_seconds_sum{taskType=~\"charge.*\", status!=\"FAILURE\"}[5m]",
            "{status!~\"FAIL.*\"}",
            "{taskType=~`charge_(card|cart)`}",
            "{__name__=~\"task_.*_seconds\"}",
            "{__name__!=\"task_poll_total\"}",
            "{region=\"\"}",
            // Not complete yet.
            "task_execute_time_seconds{",
            "task_execute_time_seconds{taskType",
            "task_execute_time_seconds{taskType=",
            "task_execute_time_seconds{taskType=\"ch",
            "taskType=\"cha",
        ] {
            assert!(matches(search), "{search}");
        }
    }

    #[test]
    fn other_series_are_not_found() {
        for search in [
            "poll",
            "execute refund",
            "taskType=\"charge\"",
            "task_execute{}",
            "task_execute_time_seconds{taskType=\"refund\"}",
            "task_execute_time_seconds_bucket{}",
            "{status=~\"SUCC\"}",
            "{status!=\"SUCCESS\"}",
            "{status!~\"S.*\"}",
            "{region=\"eu\"}",
            "{__name__=\"task_poll_total\"}",
        ] {
            assert!(!matches(search), "{search}");
        }
    }

    #[test]
    fn an_invalid_expression_is_reported_and_matches_nothing() {
        let search = Search::parse("{status=~\"(\"}");
        assert!(search.error().is_some_and(|error| error.starts_with("( is not a regular expression")));
        assert!(!matches("{status=~\"(\"}") && !matches("{status!~\"(\"}"));
        assert!(Search::parse("{status=~\"a\"}").error().is_none());
    }
}
