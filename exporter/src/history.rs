//! Past quantiles of each timer, so that the live page shows what happened before it was opened.
//!
//! Points are recorded from snapshots that are taken anyway, at most one in [`INTERVAL`]. Memory is
//! bounded: by the length of the history, and by the number of series.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ictus::{Snapshot, snapshot::Value};

use crate::json::Quantiles;

/// The minimum time between two points.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);
/// The maximum number of series with a history: at 104 bytes a point, they take 19 MB in a quarter of an
/// hour. Further series have none.
const MAX_SERIES: usize = 2_000;

/// The points of the last minutes.
#[derive(Debug)]
pub(crate) struct History {
    length: Duration,
    moments: Mutex<VecDeque<Moment>>,
}

#[derive(Debug)]
struct Moment {
    time: Duration,
    points: Vec<Point>,
}

/// The state of one timer.
#[derive(Clone, Debug)]
struct Point {
    /// The recorded name.
    family: Arc<str>,
    /// Shared by all snapshots of one reader.
    labels: Arc<[String]>,
    count: u64,
    quantiles: Option<Quantiles>,
}

/// The state of a timer at one time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PastPoint {
    pub(crate) time: u64,
    pub(crate) count: u64,
    pub(crate) quantiles: Option<Quantiles>,
}

impl History {
    pub(crate) fn new(length: Duration) -> History {
        History { length, moments: Mutex::default() }
    }

    pub(crate) fn length(&self) -> Duration {
        self.length
    }

    /// Returns whether the last point is older than [`INTERVAL`].
    #[cfg(feature = "command")]
    pub(crate) fn is_due(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        moments.back().is_none_or(|last| last.time > now || last.time + INTERVAL <= now)
    }

    /// Stores the quantiles of a snapshot, unless the last ones are newer than [`INTERVAL`].
    pub(crate) fn record(&self, snapshot: &Snapshot) {
        self.record_at(snapshot, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    }

    fn record_at(&self, snapshot: &Snapshot, now: Duration) {
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        // The clock may have been set back; then points of the future go.
        while moments.back().is_some_and(|last| last.time > now) {
            moments.pop_back();
        }
        if moments.back().is_some_and(|last| now < last.time + INTERVAL) {
            return;
        }
        while moments.front().is_some_and(|first| first.time + self.length < now) {
            moments.pop_front();
        }
        let mut points = Vec::new();
        for family in &snapshot.families {
            let name: Arc<str> = family.name.as_str().into();
            for series in &family.series {
                let Value::Timer(timing) = &series.value else { continue };
                if points.len() == MAX_SERIES {
                    break;
                }
                points.push(Point {
                    family: name.clone(),
                    labels: series.labels.clone(),
                    count: timing.count,
                    quantiles: Quantiles::new(&timing.window),
                });
            }
        }
        moments.push_back(Moment { time: now, points });
    }

    /// Returns the points of the series for which `is_series` returns true, oldest first.
    pub(crate) fn points(&self, is_series: impl Fn(&str, &[String]) -> bool) -> Vec<PastPoint> {
        let moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let points = moments.iter().filter_map(|moment| {
            let point = moment.points.iter().find(|point| is_series(&point.family, &point.labels))?;
            let time = u64::try_from(moment.time.as_millis()).unwrap_or(u64::MAX);
            Some(PastPoint { time, count: point.count, quantiles: point.quantiles })
        });
        points.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ictus::{FamilyOptions, Registry};

    use super::{History, INTERVAL, MAX_SERIES};

    #[test]
    fn points_are_kept_for_the_length_of_the_history() {
        let registry = Registry::new();
        let timer = registry.timer("job_seconds", "", &["job"]).unwrap().labels(&["a"]).unwrap();
        let history = History::new(Duration::from_secs(60));
        for second in 0..200 {
            timer.observe(1.0);
            history.record_at(&registry.snapshot().unwrap(), Duration::from_secs(second));
        }
        let points = history.points(|family, labels| family == "job_seconds" && labels == ["a".to_owned()]);
        let times: Vec<_> = points.iter().map(|point| point.time / 1000).collect();
        assert_eq!(times, [130, 140, 150, 160, 170, 180, 190]);
        assert_eq!(points[0].count, 131);
        assert_eq!(points[0].quantiles.map(|quantiles| (quantiles.p50, quantiles.max)), Some((1.0, 1.0)));
        assert!(history.points(|family, _| family == "other").is_empty());
    }

    #[test]
    fn memory_is_bounded_by_the_number_of_series() {
        let registry = Registry::with_options(FamilyOptions::default().max_series(3 * MAX_SERIES as u32));
        let jobs = registry.timer("job_seconds", "", &["job"]).unwrap();
        (0..MAX_SERIES + 10).for_each(|job| jobs.labels(&[&format!("{job:05}")]).unwrap().observe(1.0));
        let history = History::new(Duration::from_secs(60));
        history.record_at(&registry.snapshot().unwrap(), INTERVAL);
        let of = |job: usize| history.points(|_, labels| labels == [format!("{job:05}")]).len();
        assert_eq!((of(0), of(MAX_SERIES - 1), of(MAX_SERIES)), (1, 1, 0));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_it() {
        let registry = Registry::new();
        registry.timer("job_seconds", "", &[]).unwrap().labels(&[]).unwrap().observe(1.0);
        let history = History::new(Duration::from_secs(60));
        for second in [1_000_000, 5, 15] {
            history.record_at(&registry.snapshot().unwrap(), Duration::from_secs(second));
        }
        assert_eq!(history.points(|_, _| true).len(), 2);
    }
}
