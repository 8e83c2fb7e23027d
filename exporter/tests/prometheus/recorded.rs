//! The recorded data of the tests: two parts of a day of two task types, in known numbers.

use ictus::{
    Registry,
    catalog::{self, Definition, Kind},
};

type Labels = Vec<String>;

/// Observations, increments and states, in the order in which they are recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) timers: Vec<(Definition, Labels, Vec<f64>)>,
    pub(crate) counters: Vec<(Definition, Labels, f64)>,
    pub(crate) active: f64,
    /// Number of observations that are NaN.
    pub(crate) refused: usize,
}

/// The counter whose increments are recorded last.
pub(crate) const LAST: Definition = catalog::TASK_PAUSED;

impl Recorded {
    /// Returns the data from before the first scrape.
    pub(crate) fn initial() -> Recorded {
        let mut recorded = Recorded { active: 3.0, refused: 1, ..Recorded::default() };
        recorded.times(&mut Numbers(1), 1);
        recorded.counts([40.0, 7.0, 5.0, 2.0, 4.0, 2.0, 1.0, 3.0]);
        recorded
    }

    /// Returns the data that is recorded between scrapes, of the same series.
    pub(crate) fn added() -> Recorded {
        let mut recorded = Recorded { active: 2.0, refused: 3, ..Recorded::default() };
        recorded.times(&mut Numbers(2), 2);
        // One worker alone restarts, and the other one has no full queue.
        recorded.counts([55.0, 31.0, 11.0, 3.0, 6.0, 0.0, 0.0, 2.0]);
        recorded
    }

    /// Returns both, one after the other.
    pub(crate) fn and(&self, later: &Recorded) -> Recorded {
        let mut both = self.clone();
        for ((_, _, all), (_, _, new)) in both.timers.iter_mut().zip(&later.timers) {
            all.extend(new);
        }
        for ((_, _, total), (_, _, by)) in both.counters.iter_mut().zip(&later.counters) {
            *total += by;
        }
        Recorded { active: later.active, refused: self.refused + later.refused, ..both }
    }

    fn times(&mut self, numbers: &mut Numbers, part: usize) {
        use catalog::{API_REQUEST_TIME, TASK_EXECUTE_TIME, TASK_POLL_TIME, TASK_UPDATE_TIME};
        let mut timer = |definition, labels: &[&str], count: usize, scale: f64| {
            let values = (0..count).map(|_| scale * numbers.next()).collect();
            self.timers.push((definition, owned(labels), values));
        };
        for route in 0..12 {
            let uri = format!("/workflow/{route}");
            timer(API_REQUEST_TIME, &["GET", &uri, "200"], 20 + 3 * route * part, 1.0);
        }
        timer(API_REQUEST_TIME, &["POST", "/tasks/update-v2", "200"], 60, 0.5);
        timer(API_REQUEST_TIME, &["POST", "/tasks/update-v2", "401"], 2 * part, 0.1);
        timer(API_REQUEST_TIME, &["POST", "/tasks/update-v2", "503"], 7, 2.0);
        timer(API_REQUEST_TIME, &["POST", "/tasks/update-v2", "error"], 5 * part, 3.0);
        timer(TASK_POLL_TIME, &["resize", "SUCCESS"], 300, 0.1);
        timer(TASK_POLL_TIME, &["resize", "FAILURE"], 11 * part, 0.2);
        timer(TASK_POLL_TIME, &["send_mail", "SUCCESS"], 90 * part, 0.3);
        // More than a window.
        timer(TASK_EXECUTE_TIME, &["resize", "SUCCESS"], 700, 1.0);
        timer(TASK_EXECUTE_TIME, &["resize", "FAILURE"], 40 * part, 2.0);
        timer(TASK_EXECUTE_TIME, &["send_mail", "SUCCESS"], 150 * part, 0.05);
        timer(TASK_EXECUTE_TIME, &["send_mail", "FAILURE"], 9, 1.5);
        timer(TASK_UPDATE_TIME, &["resize", "SUCCESS"], 80, 0.2);
        timer(TASK_UPDATE_TIME, &["resize", "FAILURE"], 3, 0.4);
        timer(TASK_UPDATE_TIME, &["send_mail", "SUCCESS"], 50, 0.1);
        timer(catalog::TASK_RESULT_SIZE, &["resize"], 120, 1e6);
        timer(catalog::TASK_RESULT_SIZE, &["send_mail"], 70, 1e3);
    }

    fn counts(&mut self, by: [f64; 8]) {
        use catalog::{TASK_EXECUTE_ERROR, TASK_EXECUTE_ERROR_MESSAGE};
        let mut counter = |definition, labels: &[&str], by| {
            self.counters.push((definition, owned(labels), by));
        };
        let [polls, more_polls, timeouts, values, full, other_full, restarts, last] = by;
        counter(catalog::TASK_POLL, &["resize"], polls);
        counter(catalog::TASK_POLL, &["send_mail"], more_polls);
        counter(TASK_EXECUTE_ERROR, &["resize", "TimeoutError"], timeouts);
        counter(TASK_EXECUTE_ERROR, &["resize", "ValueError"], values);
        counter(TASK_EXECUTE_ERROR_MESSAGE, &["resize", "timed out after 30 s"], timeouts);
        counter(TASK_EXECUTE_ERROR_MESSAGE, &["resize", "no \"C:\\a\"\nat line 日"], values);
        counter(catalog::TASK_EXECUTION_QUEUE_FULL, &["resize"], full);
        counter(catalog::TASK_EXECUTION_QUEUE_FULL, &["send_mail"], other_full);
        counter(catalog::WORKER_RESTART, &["resize"], full);
        counter(catalog::WORKER_RESTART, &["send_mail"], restarts);
        counter(LAST, &["resize"], last);
    }

    /// Records the data on a separate thread, as another worker would.
    pub(crate) fn record(&self, registry: &Registry) {
        let record = || {
            let active = registry.catalog_gauge(&catalog::ACTIVE_WORKERS).unwrap();
            active.labels(&["resize"]).unwrap().set(self.active);
            for (definition, labels, values) in &self.timers {
                let timer = registry.catalog_timer(definition).unwrap().labels(&borrowed(labels)).unwrap();
                values.iter().for_each(|value| timer.observe(*value));
            }
            let polls = registry.catalog_timer(&catalog::TASK_POLL_TIME).unwrap();
            (0..self.refused).for_each(|_| polls.labels(&["resize", "SUCCESS"]).unwrap().observe(f64::NAN));
            for (definition, labels, by) in &self.counters {
                let counter = registry.catalog_counter(definition).unwrap();
                counter.labels(&borrowed(labels)).unwrap().add(*by);
            }
        };
        std::thread::scope(|scope| scope.spawn(record).join()).unwrap();
    }
}

/// Records one series of each recorded metric that is not in `known`, so that every family is
/// shown.
pub(crate) fn record_others(registry: &Registry, recorded: &Recorded) {
    let timers = recorded.timers.iter().map(|(definition, ..)| definition);
    let counters = recorded.counters.iter().map(|(definition, ..)| definition);
    let recorded: Vec<_> = timers.chain(counters).chain([&catalog::ACTIVE_WORKERS]).collect();
    for definition in catalog::ALL.iter().filter(|definition| !recorded.contains(definition)) {
        let labels: Vec<_> = definition.labels.iter().map(|name| format!("some {name}")).collect();
        let labels = borrowed(&labels);
        match definition.kind {
            Kind::Counter => registry.catalog_counter(definition).unwrap().labels(&labels).unwrap().inc(),
            Kind::Timer => registry.catalog_timer(definition).unwrap().labels(&labels).unwrap().observe(0.1),
            _ => panic!("nothing records {}", definition.name),
        }
    }
}

fn owned(labels: &[&str]) -> Labels {
    labels.iter().map(|&label| label.to_owned()).collect()
}

fn borrowed(labels: &[String]) -> Vec<&str> {
    labels.iter().map(String::as_str).collect()
}

/// The same numbers in every run, spread evenly over the magnitudes from 0.5 ms to 8 s.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        0.0005 * (share * 14.0).exp2()
    }
}
