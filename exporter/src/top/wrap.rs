//! Breaks texts into lines, at spaces where there are any.

use super::shorten;

/// Returns the lines of a text on a screen of that width. A word that is wider than the screen is
/// broken within, and no character is left out but the space at which a line ends.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for c in text.chars() {
        let cells = shorten::width(c.encode_utf8(&mut [0; 4]));
        if line.is_empty() || shorten::width(&line) + cells <= width {
            line.push(c);
            continue;
        }
        if c == ' ' {
            lines.push(std::mem::take(&mut line));
            continue;
        }
        let rest = match line.rfind(' ') {
            Some(at) if !line[..at].trim_start().is_empty() => {
                let rest = line[at + 1..].to_owned();
                line.truncate(at);
                rest
            }
            _ => String::new(),
        };
        lines.push(std::mem::replace(&mut line, rest));
        line.push(c);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::{shorten, wrapped};

    #[test]
    fn long_texts_are_wrapped() {
        assert_eq!(wrapped("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(wrapped("漢字漢", 4), ["漢字", "漢"]);
        assert_eq!(wrapped("ab", 0), ["a", "b"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn lines_end_between_words() {
        assert_eq!(wrapped("how long jobs take", 8), ["how long", "jobs", "take"]);
        assert_eq!(wrapped("status = charge_card", 10), ["status =", "charge_car", "d"]);
        assert_eq!(wrapped("a bcdefgh", 4), ["a", "bcde", "fgh"]);
        let text = "Executions of tasks, in seconds, by type: 漢字 and so on";
        for width in 2..60 {
            let lines = wrapped(text, width);
            assert!(lines.iter().all(|line| shorten::width(line) <= width), "{width}: {lines:?}");
            let kept: String = lines.concat().split_whitespace().collect();
            assert_eq!(kept, text.split_whitespace().collect::<String>(), "{width}");
        }
    }
}
