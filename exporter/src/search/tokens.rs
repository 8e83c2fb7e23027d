//! The parts of a search: names, operators and quoted values, each read from the start of a text.

/// Returns the text after a range such as `[5m]`, if there is one.
pub(super) fn after_range(text: &str) -> &str {
    let Some(range) = text.strip_prefix('[') else { return text };
    range.split_once(']').map_or("", |(_, rest)| rest)
}

/// Returns the text from the next term or matcher on.
pub(super) fn next(text: &str) -> &str {
    text.trim_start_matches(|c: char| c == ',' || c.is_whitespace())
}

/// Returns the name of a metric or a label at the start of a text.
pub(super) fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':' || c == '.'));
    &text[..end.unwrap_or(text.len())]
}

pub(super) fn operator(text: &str) -> Option<(&str, &str)> {
    let operator = ["=~", "!~", "!=", "="].into_iter().find(|operator| text.starts_with(operator))?;
    Some((operator, &text[operator.len()..]))
}

/// Returns the text in quotes, and what follows; no text before the quotes or the value are closed.
pub(super) fn quoted(text: &str) -> (Option<String>, &str) {
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
