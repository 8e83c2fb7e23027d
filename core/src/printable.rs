//! Escapes external text for a terminal or a log: file names, label values, responses of servers.

use std::{
    borrow::Cow,
    fmt::{self, Display, Write},
};

/// The maximum number of characters of one message; longer messages are truncated.
const MAX_CHARACTERS: usize = 4_000;

/// Escapes all characters that a terminal or a log viewer does not display unchanged: control
/// characters (also line feeds), invisible characters, and characters that change the direction of
/// text. Text of more than 4,000 characters is truncated.
///
/// ```
/// assert_eq!(ictus::printable("a\x1b[2J\nb"), "a\\u{1b}[2J\\nb");
/// assert_eq!(ictus::printable("é中"), "é中");
/// ```
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    clean(text, false)
}

/// Escapes as [`printable`] does, but keeps line feeds and tabs, and truncates nothing.
///
/// ```
/// assert_eq!(ictus::printable_lines("first\n\tsecond\x07"), "first\n\tsecond\\u{7}");
/// ```
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    clean(text, true)
}

/// A message that is displayed as [`printable`] escapes it.
///
/// ```
/// let error = std::io::Error::other("no file \x1b[2J");
/// assert_eq!(ictus::Printable(error).to_string(), "no file \\u{1b}[2J");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Printable<T>(pub T);

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0.to_string()))
    }
}

fn clean(text: &str, lines: bool) -> Cow<'_, str> {
    let is_plain = |c: char| is_printable(c) || (lines && matches!(c, '\n' | '\t'));
    let fits = lines || text.len() <= MAX_CHARACTERS;
    if fits && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len().min(2 * MAX_CHARACTERS));
    let most = if lines { usize::MAX } else { MAX_CHARACTERS };
    for (at, c) in text.chars().enumerate() {
        if at == most {
            cleaned.push('…');
            break;
        }
        match c {
            c if is_plain(c) => cleaned.push(c),
            '\n' => cleaned.push_str("\\n"),
            '\r' => cleaned.push_str("\\r"),
            '\t' => cleaned.push_str("\\t"),
            // Writing to a string does not fail.
            c => _ = write!(cleaned, "\\u{{{:x}}}", u32::from(c)),
        }
    }
    Cow::Owned(cleaned)
}

/// Returns whether a character is displayed unchanged. Excluded are controls (Cc), formats (Cf:
/// directions, joiners, tags), line and paragraph separators (Zl, Zp), private use (Co) and
/// noncharacters.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    !matches!(u32::from(c),
        0x80..=0x9F | 0xAD | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x890..=0x891 | 0x8E2 | 0x180E
        | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xE000..=0xF8FF | 0xFDD0..=0xFDEF | 0xFEFF
        | 0xFFF0..=0xFFFB | 0xFFFE..=0xFFFF | 0x110BD | 0x110CD | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3
        | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF | 0xF0000..)
}

#[cfg(test)]
mod tests {
    use super::{MAX_CHARACTERS, Printable, printable, printable_lines};

    #[test]
    fn control_and_direction_characters_are_escaped() {
        for (raw, cleaned) in [
            ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("a\u{9b}31m", "a\\u{9b}31m"),
            (
                "\u{2066}\u{200b}\u{feff}\u{e0041}\u{2028}\u{7f}",
                "\\u{2066}\\u{200b}\\u{feff}\\u{e0041}\\u{2028}\\u{7f}",
            ),
        ] {
            assert_eq!(printable(raw), cleaned);
            assert_eq!(Printable(raw).to_string(), cleaned);
        }
        for plain in ["", "a \\ \"b\" ~", "é e\u{301} 中文 हिन्दी עברית 😀"] {
            assert_eq!(printable(plain), plain);
        }
    }

    #[test]
    fn lines_keep_their_ends_and_messages_are_cut() {
        assert_eq!(printable_lines("a\n\tb\x1b[m\r\n"), "a\n\tb\\u{1b}[m\\r\n");
        let long = "é".repeat(2 * MAX_CHARACTERS);
        assert_eq!(printable_lines(&long), long);
        let cut = printable(&long);
        assert!(cut.ends_with("é…") && cut.chars().count() == MAX_CHARACTERS + 1);
        assert_eq!(printable(&long[..MAX_CHARACTERS]), long[..MAX_CHARACTERS]);
    }
}
