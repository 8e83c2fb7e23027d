//! A common interface of Ictus and other clients. Each recorder follows its own documentation, with
//! handles that are looked up in advance.

mod ictus_timer;
mod other_clients;

pub(crate) use ictus_timer::count;
pub use ictus_timer::{IctusClockTimer, IctusTimer, Series, timers};
pub use other_clients::{
    AtomicHistogram, Deque, FetchAdd, HdrHistogram, MetricsHandle, PlainHistogram, Prometheus,
    PrometheusClient,
};

/// A recorder of durations; each value is one series.
pub trait Recorder: Clone + Sized + 'static {
    /// The name in tables.
    const NAME: &'static str;
    /// Whether the recorder keeps each observation that is made while another thread reads.
    const IS_LOSSLESS: bool = true;
    /// The type of an observation.
    type Value: Copy;
    /// The data that all series share.
    type SharedState: Send + Sync + 'static;

    /// Converts a duration to the recorder's type.
    fn value(seconds: f64) -> Self::Value;

    /// Creates a number of series.
    fn series(series: usize) -> (Vec<Self>, Self::SharedState);

    /// Records one observation.
    fn observe(&mut self, value: Self::Value);

    /// Returns the number of observations in all series.
    fn count(state: &Self::SharedState, series: &[Self]) -> u64;

    /// Reads all data, as a scrape does.
    fn read(state: &Self::SharedState, series: &[Self]);

    /// Does the maintenance that bounds the memory. It is not measured.
    fn housekeeping(_: &Self::SharedState) {}
}

/// Converts seconds to nanoseconds, for clients that count integers.
pub(crate) fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
