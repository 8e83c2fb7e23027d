//! Writes the lines that the text formats share: comments, samples, escapes.

use super::number;
use crate::surface::{Sample, ShownFamily};

/// Appends lines to a buffer, which a caller that renders again and again can keep.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    out: &'a mut String,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut String) -> Writer<'a> {
        Writer { out }
    }

    /// `# HELP name help`. Backslash and line feed are escaped; a quote is not.
    pub(super) fn help(&mut self, family: &ShownFamily, suffix: &str) {
        self.comment("# HELP ", family, suffix);
        self.escaped(&family.help, false);
        self.out.push('\n');
    }

    /// `# TYPE name type`.
    pub(super) fn type_line(&mut self, family: &ShownFamily, suffix: &str) {
        self.comment("# TYPE ", family, suffix);
        self.out.push_str(family.shown_type.as_str());
        self.out.push('\n');
    }

    /// `name{label="value",…} number`.
    pub(super) fn sample(&mut self, family: &ShownFamily, sample: &Sample) {
        self.out.push_str(&family.name);
        self.out.push_str(sample.suffix);
        let mut opener = '{';
        for (name, value) in &sample.labels {
            self.out.push(opener);
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.escaped(value, true);
            self.out.push('"');
            opener = ',';
        }
        if opener == ',' {
            self.out.push('}');
        }
        self.out.push(' ');
        number::push(self.out, sample.value);
        self.out.push('\n');
    }

    fn comment(&mut self, keyword: &str, family: &ShownFamily, suffix: &str) {
        for part in [keyword, &family.name, suffix, " "] {
            self.out.push_str(part);
        }
    }

    /// Backslash, line feed and, in label values, the quote; everything else passes as it is.
    fn escaped(&mut self, text: &str, quote: bool) {
        let mut rest = text;
        while let Some(at) = rest.find(|c| matches!(c, '\\' | '\n') || (quote && c == '"')) {
            // All three are one byte long.
            let (plain, special) = rest.split_at(at);
            self.out.push_str(plain);
            self.out.push('\\');
            self.out.push(if special.starts_with('\n') { 'n' } else { char::from(special.as_bytes()[0]) });
            rest = &special[1..];
        }
        self.out.push_str(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::Writer;

    fn escaped(text: &str, quote: bool) -> String {
        let mut out = String::new();
        Writer::new(&mut out).escaped(text, quote);
        out
    }

    #[test]
    fn label_values_escape_backslash_line_feed_and_quote() {
        assert_eq!(escaped("plain", true), "plain");
        assert_eq!(escaped("", true), "");
        assert_eq!(escaped("\\", true), r"\\");
        assert_eq!(escaped("a\nb\n", true), r"a\nb\n");
        assert_eq!(escaped("say \"hi\"", true), r#"say \"hi\""#);
        assert_eq!(escaped("\\n\\\"", true), r#"\\n\\\""#);
        assert_eq!(escaped("\"\n\\", true), r#"\"\n\\"#);
    }

    #[test]
    fn help_leaves_quotes_alone() {
        assert_eq!(escaped("say \"hi\" \\ \n", false), r#"say "hi" \\ \n"#);
    }

    #[test]
    fn other_control_characters_and_letters_pass() {
        assert_eq!(escaped("\r\t\0\u{7f}\u{2028}", true), "\r\t\0\u{7f}\u{2028}");
        assert_eq!(escaped("日本\n語", true), "日本\\n語");
    }
}
