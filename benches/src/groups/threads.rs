//! One series, recorded from several threads.

use std::thread;

use super::observe::{CHECKED, values};
use crate::{
    contention::{Observe, SharedSeries},
    recorder::{
        AtomicHistogram, Deque, FetchAdd, IctusTimer, MetricsHandle, Prometheus, PrometheusClient, Recorder,
    },
};

/// Returns all recorders whose series threads can share.
#[must_use]
pub fn threads() -> Vec<SharedSeries> {
    vec![
        shared::<IctusTimer<false>>(),
        shared::<IctusTimer<true>>(),
        shared::<FetchAdd>(),
        shared::<AtomicHistogram>(),
        shared::<Deque>(),
        shared::<PrometheusClient>(),
        shared::<Prometheus>(),
        shared::<MetricsHandle>(),
    ]
}

fn shared<R: Recorder + Send + Sync>() -> SharedSeries {
    let (series, state) = R::series(1);
    let (others, other_state) = R::series(1);
    thread::scope(|scope| {
        for mut one in [series[0].clone(), series[0].clone()] {
            scope.spawn(move || {
                let values = values::<R>();
                (0..CHECKED).for_each(|step| one.observe(values.at(step)));
            });
        }
    });
    assert_eq!(R::count(&state, &series), 2 * CHECKED, "{}", R::NAME);
    let registries = [series, others];
    let handle = move |which: usize| -> Observe {
        let (mut one, values) = (registries[which][0].clone(), values::<R>());
        Box::new(move |times| {
            for step in 0..times {
                one.observe(values.at(step));
            }
        })
    };
    let housekeeping = move || {
        R::housekeeping(&state);
        R::housekeeping(&other_state);
    };
    SharedSeries { name: R::NAME, handle: Box::new(handle), housekeeping: Box::new(housekeeping) }
}
