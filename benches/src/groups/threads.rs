//! One series from several threads.

use std::thread;

use super::observe::{CHECKED, values};
use crate::{
    contention::Shared,
    recorder::{
        AtomicHistogram, Deque, FetchAdd, MetricsHandle, Ours, Prometheus, PrometheusClient, Recorder,
    },
};

/// All recorders whose series threads can share.
#[must_use]
pub fn threads() -> Vec<Shared> {
    vec![
        shared::<Ours<false>>(),
        shared::<Ours<true>>(),
        shared::<FetchAdd>(),
        shared::<AtomicHistogram>(),
        shared::<Deque>(),
        shared::<PrometheusClient>(),
        shared::<Prometheus>(),
        shared::<MetricsHandle>(),
    ]
}

fn shared<R: Recorder + Send + Sync>() -> Shared {
    let (mut series, books) = R::series(1);
    thread::scope(|scope| {
        for mut one in [series[0].clone(), series[0].clone()] {
            scope.spawn(move || {
                let values = values::<R>();
                (0..CHECKED).for_each(|step| one.observe(values.at(step)));
            });
        }
    });
    assert_eq!(R::count(&books, &series), 2 * CHECKED, "{}", R::NAME);
    let one = series.swap_remove(0);
    let work = move || -> Box<dyn FnMut(u64)> {
        let (mut one, values) = (one.clone(), values::<R>());
        Box::new(move |times| {
            for step in 0..times {
                one.observe(values.at(step));
            }
        })
    };
    Shared { name: R::NAME, work: Box::new(work), settle: Box::new(move || R::settle(&books)) }
}
