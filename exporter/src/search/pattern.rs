//! What a matcher compares the value of a label with.

use regex::{Error, Regex};

use super::re2;

#[derive(Debug)]
pub(super) enum LabelPattern {
    Text(String),
    Expression(Regex),
    /// An expression with an error.
    Invalid,
}

impl LabelPattern {
    /// Reads a regular expression, which has to match a whole value.
    pub(super) fn expression(text: &str) -> Result<LabelPattern, String> {
        let compiled = re2::translated(text).and_then(|translated| {
            Regex::new(&format!("^(?s:{translated})$")).map_err(|error| reason(&error))
        });
        let named = |reason| format!("{text} is not a regular expression of Prometheus: {reason}");
        compiled.map(LabelPattern::Expression).map_err(named)
    }

    pub(super) fn is(&self, text: &str) -> bool {
        match self {
            LabelPattern::Text(value) => value == text,
            LabelPattern::Expression(expression) => expression.is_match(text),
            LabelPattern::Invalid => false,
        }
    }
}

/// Returns the reason without the expression and the mark below it, which take several lines.
fn reason(error: &Error) -> String {
    let all = error.to_string();
    all.lines().last().map(|line| line.trim_start_matches("error: ").to_owned()).unwrap_or_default()
}
