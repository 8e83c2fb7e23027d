//! The difference between a snapshot and the model.

use std::collections::BTreeSet;

use super::{
    expected::Expected,
    lines::{Lines, numbers},
};

/// Returns the first lines that differ, or none if the snapshot is as expected.
pub(crate) fn difference(shown: &Lines, expected: &Expected) -> Option<String> {
    let mut lines = expected.lines.clone();
    for (name, window) in shown {
        let Some(series) = name.strip_suffix(" window") else { continue };
        let values: Vec<f64> = window.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        lines.insert(format!("{series} quantiles"), numbers(quantiles(&values)));
        if let (Some((certain, possible)), Some(line)) = (expected.certain.get(name), lines.get_mut(name))
            && newest(window, *certain) == newest(line, *certain)
            && is_subsequence(window, possible)
        {
            line.clone_from(window);
        }
    }
    for (name, exemplars) in shown.iter().filter(|(name, _)| name.ends_with(" exemplars")) {
        lines.entry(name.clone()).or_insert_with(|| exemplars.clone());
    }
    let names: BTreeSet<&String> = shown.keys().chain(lines.keys()).collect();
    let differing = names.into_iter().filter(|name| shown.get(*name) != lines.get(*name));
    let described = |name: &String| {
        let line = |of: &Lines| of.get(name).map_or("nothing", |line| line).to_owned();
        format!("  {name}\n    shown:    {}\n    expected: {}\n", line(shown), line(&lines))
    };
    let described: String = differing.take(6).map(described).collect();
    (!described.is_empty()).then_some(described)
}

fn newest(window: &str, certain: usize) -> Vec<&str> {
    window.split_whitespace().rev().take(certain).collect()
}

fn is_subsequence(window: &str, possible: &str) -> bool {
    let mut possible = possible.split_whitespace();
    window.split_whitespace().all(|word| possible.any(|other| other == word))
}

/// Quantiles by sorting and indexing, with linear interpolation.
fn quantiles(window: &[f64]) -> Vec<f64> {
    let mut sorted = window.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quantile = |q: f64| {
        let index = q * (sorted.len() - 1) as f64;
        let (lower, fraction) = (index.floor() as usize, index.fract());
        let upper = sorted[(lower + 1).min(sorted.len() - 1)];
        sorted[lower] + fraction * (upper - sorted[lower])
    };
    let shown = if sorted.is_empty() { &[][..] } else { &[0.5, 0.75, 0.9, 0.95, 0.99] };
    shown.iter().map(|&q| quantile(q)).collect()
}
