//! Escapes of the text formats.

/// Appends a label value, or a help text of OpenMetrics. Escapes backslash, line feed and quote,
/// and nothing else.
pub(crate) fn value(out: &mut String, text: &str) {
    push(out, text, |byte| matches!(byte, b'\\' | b'\n' | b'"'));
}

/// Appends a help text of text format 0.0.4, which does not escape quotes.
pub(crate) fn help(out: &mut String, text: &str) {
    push(out, text, |byte| matches!(byte, b'\\' | b'\n'));
}

fn push(out: &mut String, text: &str, is_special: impl Fn(u8) -> bool) {
    let mut rest = text;
    // Escaped characters are ASCII, so the text on both sides consists of whole characters.
    while let Some(at) = rest.bytes().position(&is_special) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::{help, value};

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        value(&mut out, text);
        out
    }

    #[test]
    fn label_values_escape_backslash_line_feed_and_quote() {
        assert_eq!(escaped("plain"), "plain");
        assert_eq!(escaped(""), "");
        assert_eq!(escaped("\\"), r"\\");
        assert_eq!(escaped("a\nb\n"), r"a\nb\n");
        assert_eq!(escaped("say \"hi\""), r#"say \"hi\""#);
        assert_eq!(escaped("\\n\\\""), r#"\\n\\\""#);
        assert_eq!(escaped("\"\n\\"), r#"\"\n\\"#);
    }

    #[test]
    fn help_does_not_escape_quotes() {
        let mut out = String::new();
        help(&mut out, "say \"hi\" \\ \n");
        assert_eq!(out, r#"say "hi" \\ \n"#);
    }

    #[test]
    fn other_control_characters_and_letters_are_unchanged() {
        assert_eq!(escaped("\r\t\0\u{7f}\u{2028}"), "\r\t\0\u{7f}\u{2028}");
        assert_eq!(escaped("日本\n語"), "日本\\n語");
    }
}
