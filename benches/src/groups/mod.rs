//! The groups: candidates that are compared with one another.

pub mod http;
pub mod index;
pub mod lanes;
pub mod observe;
pub mod read;
pub mod scrape;
pub mod segments;
pub mod text;
pub mod threads;

use crate::candidate::{Candidate, Group};

/// Returns all groups of one thread. If they are only checked and not measured, they have few
/// segments.
#[must_use]
pub fn all(measured: bool) -> Vec<Group> {
    let segments = if measured { 200 } else { 2 };
    vec![
        observe::one_series(),
        observe::with_the_clock(),
        observe::start_to_stop(),
        observe::many_series(),
        index::index(),
        lanes::lanes(),
        read::quantiles(),
        read::merge(),
        text::text(),
        scrape::scrape(),
        segments::segments("segments", segments, 300),
        segments::segments("small segments", segments, 43),
    ]
}

/// Returns the candidate that budgets call `group/candidate`.
#[must_use]
pub fn find(id: &str) -> Option<Candidate> {
    let (group, name) = id.split_once('/')?;
    let group = all(true).into_iter().find(|one| one.name == group)?;
    group.candidates.into_iter().find(|candidate| candidate.name() == name)
}
