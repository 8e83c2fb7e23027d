//! Reads a search, also one that is not complete yet.

use std::mem;

use super::{
    LabelPattern, Search, Term,
    tokens::{after_range, identifier, next, operator, quoted},
};

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
            LabelPattern::expression(&value).unwrap_or_else(|error| {
                self.error = Some(error);
                LabelPattern::Invalid
            })
        };
        let is_negated = operator.starts_with('!') && !matches!(value, LabelPattern::Invalid);
        self.terms.push(Term::Matcher { label: label.to_owned(), is_negated, value });
        rest
    }
}

/// Returns whether a text begins with a function or an aggregation of PromQL.
fn is_expression(text: &str) -> bool {
    let text = text.trim_start();
    let name = identifier(text);
    let after = text[name.len()..].trim_start();
    !name.is_empty() && (after.starts_with('(') || ["by", "without"].contains(&identifier(after)))
}
