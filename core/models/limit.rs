//! Models of threads that race for the last places below a family's limit of series.

use std::sync::Arc;

use loom::thread::{self, JoinHandle};

use super::{check, fixture::Fixture};
use crate::{
    observe::{Counter, Family},
    options::FamilyOptions,
};

/// Two threads request one name, and one of them then requests the other name that the family has
/// a place for. Both names get a series.
pub fn a_race_for_one_name_refuses_no_other() {
    check("a race for one name", 2, (24, 32), || {
        let fixture = Fixture::new();
        let family = limited(&fixture, 2);
        let one = request(&family, "a");
        let own = ["a", "b"].map(|value| family.labels(&[value]).unwrap());
        own.iter().chain([&one.join().unwrap()]).for_each(|counter| counter.add(1.0));
        assert_eq!(counts(&fixture), [("a".to_owned(), 2.0), ("b".to_owned(), 1.0)]);
    });
}

/// Two threads request two names while the family has one place. One of the names gets it, and the
/// overflow series counts the other.
pub fn one_of_two_names_gets_the_last_place() {
    check("the last place", 2, (24, 32), || {
        let fixture = Fixture::new();
        let family = limited(&fixture, 1);
        let other = request(&family, "a");
        let own = family.labels(&["b"]).unwrap();
        [own, other.join().unwrap()].iter().for_each(|counter| counter.add(1.0));
        let counts = counts(&fixture);
        assert_eq!(counts.len(), 2, "{counts:?}");
        assert_eq!(counts.iter().filter(|(name, _)| name == "ictus_overflow").count(), 1, "{counts:?}");
    });
}

/// A series is removed while it gets its place. The place is free afterwards, once.
pub fn a_series_is_removed_while_it_gets_its_place() {
    check("a removed place", 3, (24, 32), || {
        let fixture = Fixture::new();
        let family = limited(&fixture, 1);
        let removed = request(&family, "a");
        family.remove(&["a"]).unwrap();
        drop(removed.join().unwrap());
        family.remove(&["a"]).unwrap();
        ["b", "c"].into_iter().for_each(|value| family.labels(&[value]).unwrap().add(1.0));
        assert_eq!(counts(&fixture), [("b".to_owned(), 1.0), ("ictus_overflow".to_owned(), 1.0)]);
    });
}

fn limited(fixture: &Fixture, max_series: u32) -> Arc<Family<Counter>> {
    let options = FamilyOptions::default().window(2).buckets(&[]).max_series(max_series);
    Arc::new(Family::new(&fixture.recorder, "a", "", &["l"], &options).unwrap())
}

/// Requests a series in another thread. This thread records it after the race, which keeps the
/// model small.
fn request(family: &Arc<Family<Counter>>, value: &'static str) -> JoinHandle<Counter> {
    let family = Arc::clone(family);
    thread::spawn(move || family.labels(&[value]).unwrap())
}

/// Returns the label value and the count of each series, in order.
fn counts(fixture: &Fixture) -> Vec<(String, f64)> {
    let totals = fixture.read();
    let series = totals.families["a"][0].series.iter();
    let mut counts: Vec<_> = series.map(|(labels, total)| (labels[0].clone(), total.sum.to_f64())).collect();
    counts.sort_by(|one, other| one.0.cmp(&other.0));
    counts
}
