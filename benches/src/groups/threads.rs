//! One series, recorded from several threads.

use std::thread;

use super::observe::{CHECKED, values};
use crate::{
    contention::{Observe, Shared},
    recorder::{
        AtomicHistogram, Deque, FetchAdd, MetricsHandle, Ours, Prometheus, PrometheusClient, Recorder,
    },
};

/// Returns all recorders whose series threads can share.
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
    let (series, books) = R::series(1);
    let (others, other_books) = R::series(1);
    thread::scope(|scope| {
        for mut one in [series[0].clone(), series[0].clone()] {
            scope.spawn(move || {
                let values = values::<R>();
                (0..CHECKED).for_each(|step| one.observe(values.at(step)));
            });
        }
    });
    assert_eq!(R::count(&books, &series), 2 * CHECKED, "{}", R::NAME);
    let both = [series, others];
    let work = move |which: usize| -> Observe {
        let (mut one, values) = (both[which][0].clone(), values::<R>());
        Box::new(move |times| {
            for step in 0..times {
                one.observe(values.at(step));
            }
        })
    };
    let settle = move || {
        R::settle(&books);
        R::settle(&other_books);
    };
    Shared { name: R::NAME, work: Box::new(work), settle: Box::new(settle) }
}
