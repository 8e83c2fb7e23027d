//! Regular expressions of RE2, the syntax of Prometheus, as the crate `regex` writes them.
//!
//! Both differ in few things: classes such as `\d` have only ASCII characters in RE2, a class has no
//! operators, and each has escapes and flags that the other lacks. `page/re2.js` does the same for
//! JavaScript, and both are tested with the same searches.

use std::{iter::Peekable, str::Chars};

/// The flags that both have.
const FLAGS: &str = "imsU-";

/// The maximum number of repetitions.
const MAX_TIMES: u64 = 1000;

/// The names of classes of ASCII characters, as in `[[:alpha:]]`.
const CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// Returns the expression for the crate `regex`, or the part that RE2 does not have.
pub(super) fn translated(text: &str) -> Result<String, String> {
    let mut rest = text.chars().peekable();
    let mut translated = String::new();
    // Groups that are open, and whether the last part was a repetition.
    let (mut depth, mut is_repeated) = (0_usize, false);
    while let Some(c) = rest.next() {
        let is_operator = match c {
            '*' | '+' | '?' => true,
            '{' => is_repetition(rest.clone()),
            _ => false,
        };
        if is_operator {
            if std::mem::replace(&mut is_repeated, true) {
                return Err(format!("{c} repeats a repetition"));
            }
            translated.push(c);
            if c == '{' {
                let times: String = std::iter::from_fn(|| rest.next_if(|c| *c != '}')).collect();
                if times.split(',').any(|number| number.parse().is_ok_and(|number: u64| number > MAX_TIMES)) {
                    return Err("more than 1,000 repetitions".to_owned());
                }
                translated.push_str(&times);
                translated.extend(rest.next());
            }
            translated.extend(rest.next_if_eq(&'?'));
            continue;
        }
        is_repeated = false;
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or("a parenthesis that no other opens")?,
            _ => {}
        }
        match c {
            '\\' => escape(&mut rest, false, &mut translated)?,
            '[' => class(&mut rest, &mut translated)?,
            // Elsewhere it is a character, as in `/tasks/{id}`.
            '{' => translated.push_str("\\{"),
            '(' if rest.peek() == Some(&'?') => group(&mut rest, &mut translated)?,
            c => translated.push(c),
        }
    }
    Ok(translated)
}

/// Returns whether a brace starts a repetition such as `{2,3}`.
fn is_repetition(following: Peekable<Chars<'_>>) -> bool {
    let following: String = following.collect();
    let Some((times, _)) = following.split_once('}') else { return false };
    let is_number = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let (min, max) = times.split_once(',').unwrap_or((times, ""));
    !min.is_empty() && is_number(min) && is_number(max)
}

/// Reads a class after its first bracket.
fn class(rest: &mut Peekable<Chars<'_>>, translated: &mut String) -> Result<(), String> {
    translated.push('[');
    translated.extend(rest.next_if_eq(&'^'));
    // At the start, both are characters of the class.
    if let Some(c) = rest.next_if(|c| "]-".contains(*c)) {
        translated.extend(['\\', c]);
    }
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(rest, true, translated)?,
            '[' => match class_name(rest)? {
                Some(name) => translated.push_str(&format!("[:{name}:]")),
                None => translated.push_str("\\["),
            },
            '&' | '~' => translated.extend(['\\', c]),
            '-' if translated.ends_with('-') && !translated.ends_with("\\-") => translated.push_str("\\-"),
            ']' => {
                translated.push(']');
                break;
            }
            c => translated.push(c),
        }
    }
    Ok(())
}

/// Reads a name such as `:alpha:]`, if there is one.
fn class_name(rest: &mut Peekable<Chars<'_>>) -> Result<Option<String>, String> {
    let following: String = rest.clone().collect();
    let Some((name, _)) = following.strip_prefix(':').and_then(|rest| rest.split_once(":]")) else {
        return Ok(None);
    };
    if !CLASSES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(format!("the unknown class [:{name}:]"));
    }
    _ = rest.by_ref().take(name.chars().count() + 3).count();
    Ok(Some(name.to_owned()))
}

/// Reads the rest of a group's start.
fn group(rest: &mut Peekable<Chars<'_>>, translated: &mut String) -> Result<(), String> {
    translated.push('(');
    translated.extend(rest.next());
    if rest.peek().is_some_and(|c| "=!".contains(*c)) {
        return Err("look-around".to_owned());
    }
    if rest.next_if_eq(&'<').is_some() {
        translated.push('<');
        return match rest.peek() {
            Some('=' | '!') => Err("look-around".to_owned()),
            _ => Ok(()),
        };
    }
    if rest.peek() == Some(&')') {
        // Without flags, which the crate does not read.
        translated.push(':');
    }
    while let Some(flag) = rest.next_if(char::is_ascii_alphabetic) {
        if !FLAGS.contains(flag) && flag != 'P' {
            return Err(format!("the flag {flag}"));
        }
        translated.push(flag);
    }
    Ok(())
}

/// Reads the character after a backslash.
fn escape(rest: &mut Peekable<Chars<'_>>, is_in_class: bool, translated: &mut String) -> Result<(), String> {
    let Some(c) = rest.next() else { return Err("a backslash at its end".to_owned()) };
    match c {
        'd' => translated.push_str("[0-9]"),
        'D' => translated.push_str("[^0-9]"),
        's' => translated.push_str(r"[\t\n\f\r ]"),
        'S' => translated.push_str(r"[^\t\n\f\r ]"),
        'w' => translated.push_str("[0-9A-Za-z_]"),
        'W' => translated.push_str("[^0-9A-Za-z_]"),
        'p' | 'P' => property(c, rest, translated)?,
        'b' if !is_in_class => translated.push_str(r"(?-u:\b)"),
        'B' if !is_in_class => translated.push_str(r"(?-u:\B)"),
        'A' | 'z' if !is_in_class => translated.extend(['\\', c]),
        'a' | 'f' | 'n' | 'r' | 't' | 'v' => translated.extend(['\\', c]),
        'x' => {
            translated.push_str("\\x");
            translated.extend(rest.next_if_eq(&'{'));
        }
        'Q' if !is_in_class => literal(rest, translated)?,
        '0' => octal(c, rest, translated),
        '1'..='7' if rest.peek().is_some_and(|next| next.is_digit(8)) => octal(c, rest, translated),
        '1'..='9' => return Err("a back-reference".to_owned()),
        c if c.is_ascii_punctuation() => translated.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        c => return Err(format!("the escape \\{c}")),
    }
    Ok(())
}

/// Reads the rest of a number of up to three octal digits, such as `\101`.
fn octal(first: char, rest: &mut Peekable<Chars<'_>>, translated: &mut String) {
    let mut number = first.to_digit(8).unwrap_or(0);
    for _ in 0..2 {
        let Some(digit) = rest.next_if(|next| next.is_digit(8)).and_then(|next| next.to_digit(8)) else {
            break;
        };
        number = number * 8 + digit;
    }
    translated.push_str(&format!("\\x{{{number:x}}}"));
}

/// Reads text up to `\E`, in which no character has a meaning.
fn literal(rest: &mut Peekable<Chars<'_>>, translated: &mut String) -> Result<(), String> {
    let following: String = rest.clone().collect();
    let (text, _) = following.split_once("\\E").ok_or("no end of \\Q")?;
    translated.push_str(&regex::escape(text));
    _ = rest.by_ref().take(text.chars().count() + 2).count();
    Ok(())
}

/// Reads the name of a general category or a script, after `\p` or `\P`.
fn property(p: char, rest: &mut Peekable<Chars<'_>>, translated: &mut String) -> Result<(), String> {
    let mut name = String::new();
    if rest.next_if_eq(&'{').is_some() {
        name.extend(std::iter::from_fn(|| rest.next_if(|&c| c != '}')));
        if rest.next().is_none() {
            return Err(format!("no end of \\{p}{{{name}"));
        }
    } else {
        name.extend(rest.next());
    }
    let positive = name.trim_start_matches('^');
    let is_capital = positive.starts_with(|c: char| c.is_ascii_uppercase());
    let is_name = positive.chars().skip(1).all(|c| c.is_ascii_alphabetic() || c == '_');
    let is_negated = (p == 'P') != (positive.len() < name.len());
    // Without a category or a script of that name, the crate reports it.
    let kind = if positive.len() > 2 && positive != "Any" { "Script=" } else { "" };
    if !is_capital || !is_name || name.len() - positive.len() > 1 {
        return Err(format!("the unknown property {name}"));
    }
    translated.push_str(&format!("\\{}{{{kind}{positive}}}", if is_negated { 'P' } else { 'p' }));
    Ok(())
}
