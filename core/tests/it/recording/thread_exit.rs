//! Observing while a thread's thread-locals are being destroyed.

use std::{cell::RefCell, thread};

use ictus::{Registry, Timer, snapshot::Value};

/// Observes when it is dropped.
struct Last(Timer);

impl Drop for Last {
    fn drop(&mut self) {
        (0..10).for_each(|_| self.0.observe(1.0));
    }
}

#[test]
fn observations_of_thread_destructors_are_counted() {
    thread_local! {
        static BEFORE: RefCell<Option<Last>> = const { RefCell::new(None) };
        static AFTER: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    let registry = Registry::new();
    let timer = registry.timer("last_seconds", "", &[]).unwrap().labels(&[]).unwrap();
    for _ in 0..500 {
        let timer = timer.clone();
        let thread = thread::spawn(move || {
            // Destructors run in the reverse order of first use, with Ictus's destructor between
            // these two.
            BEFORE.set(Some(Last(timer.clone())));
            timer.observe(1.0);
            AFTER.set(Some(Last(timer.clone())));
        });
        thread.join().unwrap();
    }
    let snapshot = registry.snapshot().unwrap();
    let Some(Value::Timer(timing)) = snapshot.family("last_seconds").unwrap().get(&[]) else {
        panic!("no timer")
    };
    assert_eq!((timing.count, timing.sum), (500 * 21, 500.0 * 21.0));
}
