//! A common interface of Ictus and other clients. Each recorder follows its own documentation, with
//! handles that are looked up in advance.

mod ours;
mod peers;

pub(crate) use ours::count;
pub use ours::{Ours, Series, Stamped, timers};
pub use peers::{
    AtomicHistogram, Deque, FetchAdd, HdrHistogram, MetricsHandle, PlainHistogram, Prometheus,
    PrometheusClient,
};

/// A recorder of durations; each value is one series.
pub trait Recorder: Clone + Sized + 'static {
    /// The name in tables.
    const NAME: &'static str;
    /// Whether the recorder keeps each observation that is made while another thread reads.
    const KEEPS_ALL: bool = true;
    /// The type of an observation.
    type Value: Copy;
    /// The data that all series share.
    type Books: Send + Sync + 'static;

    /// Converts a duration to the recorder's type.
    fn value(seconds: f64) -> Self::Value;

    /// Creates a number of series.
    fn series(series: usize) -> (Vec<Self>, Self::Books);

    /// Records one observation.
    fn observe(&mut self, value: Self::Value);

    /// Returns the number of observations in all series.
    fn count(books: &Self::Books, series: &[Self]) -> u64;

    /// Reads all data, as a scrape does.
    fn read(books: &Self::Books, series: &[Self]);

    /// Does the maintenance that bounds the memory. It is not measured.
    fn settle(_: &Self::Books) {}
}

/// Converts seconds to nanoseconds, for clients that count integers.
pub(crate) fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
