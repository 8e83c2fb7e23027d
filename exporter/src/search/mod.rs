//! Search of series, as the page's search field has it: words, and selectors of PromQL.
//!
//! A word is found in names and labels, ignoring case. `name{label="value"}` and the operators `=~`,
//! `!=` and `!~` mean what they mean in PromQL, also without the name or the braces. A selector that
//! is not complete yet is read as far as it goes, because it is typed character by character. Of an
//! expression such as `sum(rate(name[5m]))`, the selectors are searched.

mod parse;
mod pattern;
mod re2;
mod tokens;

use self::pattern::LabelPattern;
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

/// Labels that Prometheus adds to samples of timers, not to series.
const OF_SAMPLES: [&str; 2] = ["quantile", "le"];

impl Search {
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
                let entry = labels.find(|(name, _)| name == label);
                // To Prometheus, a label that is missing is empty.
                value.is(entry.map_or("", |(_, value)| value)) != *is_negated
            }
        };
        match &self.alternatives[..] {
            [] => self.terms.iter().all(is_match),
            all => all.iter().any(|terms| terms.iter().all(is_match)),
        }
    }
}

#[cfg(test)]
mod tests;
