//! Arbitrary texts as help and label values: each encoder accepts them, and an independent parser
//! reads back the recorded values.
//!
//! An input is a list of texts, separated by zero bytes: the help, then pairs of label values.
#![no_main]

use std::{collections::BTreeSet, str::Chars};

use ictus::{
    Registry, expose,
    surface::{Exposition, View},
};
use libfuzzer_sys::fuzz_target;

type Pairs = BTreeSet<(String, String)>;

fuzz_target!(|input: &[u8]| {
    let texts: Vec<String> =
        input.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    let Some((help, values)) = texts.split_first() else { return };
    let registry = Registry::new();
    let Ok(family) = registry.counter("jobs", help, &["one", "two"]) else { return };
    let mut recorded = Pairs::new();
    for pair in values.chunks_exact(2) {
        if let Ok(counter) = family.labels(&[&pair[0], &pair[1]]) {
            counter.inc();
            recorded.insert((pair[0].clone(), pair[1].clone()));
        }
    }
    let mut view = View::default();
    view.own_state = false;
    let exposition = Exposition::new(&registry.snapshot().expect("memory can be read"), &view);
    let shown: Pairs = exposition
        .families()
        .flat_map(|family| &family.series)
        .map(|series| {
            let mut values = series.labels.iter().map(|(_, value)| value.to_owned());
            (values.next().expect("one"), values.next().expect("two"))
        })
        .collect();
    // Long values were truncated when they were recorded; all others are unchanged.
    let short = |pairs: &Pairs| -> Pairs {
        pairs.iter().filter(|(one, two)| one.len().max(two.len()) < 200).cloned().collect()
    };
    assert_eq!(short(&shown), short(&recorded));
    assert_eq!(pairs(&expose::text(&exposition)), shown);
    assert_eq!(pairs(&expose::openmetrics(&exposition)), shown);
    let bytes = expose::protobuf(&exposition, true);
    for (one, two) in &shown {
        let is_written =
            |text: &String| text.is_empty() || bytes.windows(text.len()).any(|at| at == text.as_bytes());
        assert!(is_written(one) && is_written(two));
    }
});

/// Returns the label values of all samples of a text.
fn pairs(text: &str) -> Pairs {
    assert!(text.is_empty() || text.ends_with('\n'));
    let samples = text.split_terminator('\n').filter(|line| !line.starts_with('#'));
    samples
        .map(|sample| {
            let mut rest = sample.split_once("{one=\"").expect("the first label").1.chars();
            let one = unescaped(&mut rest);
            let mut rest = rest.as_str().strip_prefix(",two=\"").expect("the second label").chars();
            let two = unescaped(&mut rest);
            assert!(rest.as_str().starts_with("} "), "{sample}");
            (one, two)
        })
        .collect()
}

/// Unescapes the text up to its closing quote.
fn unescaped(text: &mut Chars<'_>) -> String {
    let mut plain = String::new();
    loop {
        plain.push(match text.next().expect("a quote at the end") {
            '"' => return plain,
            '\\' => match text.next() {
                Some('n') => '\n',
                Some(escaped @ ('\\' | '"')) => escaped,
                other => panic!("{other:?} is not to be escaped"),
            },
            other => other,
        });
    }
}
