//! Successive threads: each thread adopts the lanes of the previous one.
//!
//! The test runs in a separate process, so that threads of other tests cannot adopt these lanes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::thread;

use ictus::{
    Registry,
    snapshot::{Timing, Value},
};

#[test]
fn short_lived_threads_reuse_lanes() {
    const AT_ONCE: usize = 4;
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::open(directory.path()).unwrap();
    let family = registry.timer("work_seconds", "", &["queue"]).unwrap();
    let timer = family.labels(&["mail"]).unwrap();
    let observe = || {
        thread::scope(|scope| {
            let observe = || (0..2000).for_each(|_| timer.observe(1.0));
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(observe)).collect();
            // Join each thread: the scope alone does not wait until the threads have released their
            // lanes.
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    };
    let look = || -> (Timing, u64) {
        let snapshot = registry.snapshot().unwrap();
        let Some(Value::Timer(timing)) = snapshot.family("work_seconds").unwrap().get(&["mail"]) else {
            panic!("no timer")
        };
        (timing.clone(), snapshot.health.bytes)
    };
    observe();
    let (_, bytes) = look();
    for _ in 1..250 {
        observe();
    }
    let (timing, bytes_after) = look();
    assert_eq!((timing.count, timing.sum), (2_000_000, 2_000_000.0));
    assert_eq!(timing.window.len(), 1000);
    assert_eq!(bytes_after, bytes, "a thousand threads took more than the first {AT_ONCE}");
}
