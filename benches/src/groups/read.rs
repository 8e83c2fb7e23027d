//! Quantiles of a window, and merged windows.

use std::hint::black_box;

use ictus::snapshot::{Observation, QUANTILES, Window};

use crate::{
    candidate::{Candidate, Group, Workload},
    data::Random,
};

/// Observations in a window.
const WINDOW_LEN: usize = 1000;
/// The number of different windows: more than branch predictors remember.
const WINDOWS: usize = 256;
/// Windows that are prepared before their quantiles are measured.
const BATCH: u64 = 16;
/// Lanes that are merged.
const LANES: usize = 8;

type Quantiles = [f64; QUANTILES.len()];

/// The five quantiles of a window of a thousand observations.
#[must_use]
pub fn quantiles() -> Group {
    let candidates = vec![
        memcpy(),
        ictus(),
        alternative("nested select_nth", nested_select),
        alternative("sort_unstable of the bits", sorted_bits),
        alternative("sort_by total_cmp", sorted),
    ];
    Group::new("quantiles", "five quantiles of 1,000", candidates)
}

/// The newest thousand observations of eight lanes of a thousand each, and their quantiles.
#[must_use]
pub fn merge() -> Group {
    let candidates = vec![
        memcpy(),
        merge_candidate("ictus", merge_windows),
        merge_candidate("concatenate and sort", sort_all),
    ];
    Group::new("merge", "8 lanes to the newest 1,000, and quantiles", candidates)
}

fn values() -> Vec<Vec<f64>> {
    let mut random = Random::new(3);
    (0..WINDOWS).map(|_| (0..WINDOW_LEN).map(|_| random.duration()).collect()).collect()
}

/// Copies the values of a window: the minimum cost of reading each of them.
fn memcpy() -> Candidate {
    Candidate::new("memcpy", || {
        let (windows, mut to) = (values(), vec![0.0; WINDOW_LEN]);
        to.copy_from_slice(&windows[0]);
        assert_eq!(to, windows[0]);
        let run = move |(): &mut (), times| {
            for step in 0..times as usize {
                black_box(&mut to).copy_from_slice(black_box(&windows[step % WINDOWS]));
            }
        };
        Workload::prepared(1 << 10, || (), run)
    })
}

fn ictus() -> Candidate {
    Candidate::new("ictus", || {
        let windows = values();
        let window = |values: &[f64]| Window::newest(observations(values), WINDOW_LEN);
        for values in &windows {
            assert_eq!(window(values).quantiles(), Some(sorted(values)));
        }
        // A window caches its quantiles, so each window is used once.
        let mut next = 0;
        let prepare = move || {
            next += BATCH as usize;
            let at = |step: usize| window(&windows[(next + step) % WINDOWS]);
            (0..BATCH as usize).map(at).collect::<Vec<Window>>()
        };
        Workload::prepared(BATCH, prepare, |windows, times| {
            for window in &windows[..times as usize] {
                black_box(black_box(window).quantiles());
            }
        })
    })
}

fn alternative(name: &'static str, work: fn(&[f64]) -> Quantiles) -> Candidate {
    Candidate::new(name, move || {
        let windows = values();
        for values in &windows {
            assert_eq!(work(values), sorted(values), "{name}");
        }
        let run = move |(): &mut (), times| {
            for step in 0..times as usize {
                black_box(work(black_box(&windows[step % WINDOWS])));
            }
        };
        Workload::prepared(WINDOWS as u64, || (), run)
    })
}

fn merge_candidate(name: &'static str, work: fn(&[Window]) -> Quantiles) -> Candidate {
    Candidate::new(name, move || {
        let lanes: Vec<Window> = (0..2 * LANES).map(lane).collect();
        // Eight adjacent lanes, others each time.
        let selected = move |from: usize| -> Vec<Window> {
            (from..from + LANES).map(|at| lanes[at % lanes.len()].clone()).collect()
        };
        for from in 0..2 * LANES {
            let windows = selected(from);
            assert_eq!(work(&windows), sort_all(&windows), "{name}");
        }
        let mut from = 0;
        let prepare = move || {
            from += 1;
            (from..from + BATCH as usize).map(&selected).collect::<Vec<_>>()
        };
        Workload::prepared(BATCH, prepare, move |selected, times| {
            for lanes in &selected[..times as usize] {
                black_box(work(black_box(lanes)));
            }
        })
    })
}

fn merge_windows(lanes: &[Window]) -> Quantiles {
    Window::merge(lanes, WINDOW_LEN).quantiles().expect("a window that is not empty")
}

fn sort_all(lanes: &[Window]) -> Quantiles {
    let mut all: Vec<&Observation> = lanes.iter().flat_map(Window::observations).collect();
    all.sort_unstable_by_key(|observation| observation.stamp);
    let newest: Vec<f64> =
        all[all.len() - WINDOW_LEN..].iter().map(|observation| observation.value).collect();
    sorted(&newest)
}

fn observations(values: &[f64]) -> Vec<Observation> {
    (1..).zip(values).map(|(stamp, &value)| Observation::new(stamp, value)).collect()
}

/// A lane that observed as often as the other lanes, in turn with them.
fn lane(number: usize) -> Window {
    let (mut random, number) = (Random::new(number as u64), number as u64);
    let at = |step| {
        let mut observation = Observation::new(step * 2 * LANES as u64 + number, random.duration());
        observation.origin = number;
        observation
    };
    Window::newest((1..=WINDOW_LEN as u64).map(at).collect(), WINDOW_LEN)
}

/// Interpolates between the neighbours of each quantile's index; `at` returns the value of a rank.
fn interpolate(at: impl Fn(usize) -> f64) -> Quantiles {
    QUANTILES.map(|q| {
        let index = q * (WINDOW_LEN - 1) as f64;
        let (lower, fraction) = (index as usize, index.fract());
        at(lower) + fraction * (at((lower + 1).min(WINDOW_LEN - 1)) - at(lower))
    })
}

fn sorted(values: &[f64]) -> Quantiles {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    interpolate(|rank| sorted[rank])
}

fn sorted_bits(values: &[f64]) -> Quantiles {
    let mut sorted: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    sorted.sort_unstable();
    interpolate(|rank| f64::from_bits(sorted[rank]))
}

/// Selects the lowest quantile first: each selection leaves the remaining values to its right.
fn nested_select(values: &[f64]) -> Quantiles {
    let mut bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    let mut done = 0;
    for q in QUANTILES {
        let lower = (q * (WINDOW_LEN - 1) as f64) as usize;
        for rank in [lower, lower + 1] {
            bits[done..].select_nth_unstable(rank - done);
            done = rank + 1;
        }
    }
    interpolate(|rank| f64::from_bits(bits[rank]))
}
