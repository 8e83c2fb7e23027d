//! A common interface of Ictus and its peers. Each recorder follows its own documentation, with
//! handles that are looked up in advance.

mod ours;
mod peers;

pub(crate) use ours::count;
pub use ours::{Ours, Series, Stamped, timers};
pub use peers::{
    AtomicHistogram, Deque, FetchAdd, HdrHistogram, MetricsHandle, PlainHistogram, Prometheus,
    PrometheusClient,
};

/// Something that records durations; one of these is one series.
pub trait Recorder: Clone + Sized + 'static {
    /// The name in tables.
    const NAME: &'static str;
    /// Whether it holds each observation that was made while somebody read.
    const KEEPS_ALL: bool = true;
    /// What it takes.
    type Value: Copy;
    /// What belongs to all series.
    type Books: Send + Sync + 'static;

    /// A duration as it takes it.
    fn value(seconds: f64) -> Self::Value;

    /// So many series.
    fn series(series: usize) -> (Vec<Self>, Self::Books);

    /// Records one observation.
    fn observe(&mut self, value: Self::Value);

    /// How many observations all series hold.
    fn count(books: &Self::Books, series: &[Self]) -> u64;

    /// Reads what is there, as a scrape does.
    fn read(books: &Self::Books, series: &[Self]);

    /// What has to be done now and then, so that memory stays bounded. It is not measured.
    fn settle(_: &Self::Books) {}
}

/// Nanoseconds, as peers that count integers take a duration.
pub(crate) fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
