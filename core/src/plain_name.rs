//! Names that every Prometheus format accepts, and the escaping of other names for clients that
//! accept no others.

use std::borrow::Cow;

/// The characters that a metric's name can have in addition to those of a label's name.
pub(crate) const OF_METRICS: &str = ":";
/// The additional characters of a label's name: none besides letters, digits and underscores.
pub(crate) const OF_LABELS: &str = "";

/// Returns whether a name consists of letters, digits, underscores and the characters in `also`,
/// and does not start with a digit.
pub(crate) fn is_plain(name: &str, also: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || also.contains(c);
    !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() && name.chars().all(allowed)
}

/// Returns the name with an underscore instead of each character that is not allowed.
pub(crate) fn escaped<'a>(name: &'a str, also: &str) -> Cow<'a, str> {
    if is_plain(name, also) {
        return Cow::Borrowed(name);
    }
    let allowed = |at: usize, c: char| {
        c.is_ascii_alphabetic() || c == '_' || also.contains(c) || (at > 0 && c.is_ascii_digit())
    };
    name.chars().enumerate().map(|(at, c)| if allowed(at, c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::{OF_LABELS, OF_METRICS, escaped};

    #[test]
    fn names_are_escaped_as_prometheus_does() {
        for (name, expected) in [
            ("plain_name:sum", "plain_name:sum"),
            ("http.server.duration", "http_server_duration"),
            ("9lives", "_lives"),
            ("a9", "a9"),
            ("tempé", "temp_"),
            ("a b\n\"c\"", "a_b__c_"),
        ] {
            assert_eq!(escaped(name, OF_METRICS), expected, "{name}");
        }
        assert_eq!(escaped("a:b", OF_LABELS), "a_b");
    }
}
