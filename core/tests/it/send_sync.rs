//! Types that programs hand from thread to thread are `Send` and `Sync`, and print something useful.

use std::fmt::Debug;

use ictus::{
    Counter, Error, Family, Gauge, Reader, Registry, Snapshot, Timer,
    expose::{openmetrics, text},
    surface::{Exposition, Renderer, Surface, View},
};

fn is_shared_between_threads<T: Send + Sync + 'static>() {}

#[test]
fn handles_readers_and_data_are_shared_between_threads() {
    is_shared_between_threads::<Registry>();
    is_shared_between_threads::<Family<Timer>>();
    is_shared_between_threads::<Timer>();
    is_shared_between_threads::<Counter>();
    is_shared_between_threads::<Gauge>();
    is_shared_between_threads::<Snapshot>();
    is_shared_between_threads::<View>();
    is_shared_between_threads::<Exposition>();
    is_shared_between_threads::<Error>();
}

#[test]
fn readers_and_renderers_move_to_another_thread() {
    fn moves<T: Send + 'static>() {}
    moves::<Reader>();
    moves::<Renderer>();
}

#[test]
fn debug_output_names_the_type() {
    fn is_named<T: Debug>(value: &T, name: &str) {
        let printed = format!("{value:?}");
        assert!(printed.contains(name), "{printed}");
    }
    let registry = Registry::new();
    is_named(&registry, "Registry");
    let Ok(family) = registry.timer("work_seconds", "", &[]) else { panic!("a valid name") };
    let Ok(timer) = family.labels(&[]) else { panic!("no labels") };
    is_named(&family, "Family");
    is_named(&timer, "Timer");
    is_named(&timer.local(), "LocalTimer");
    let Ok(snapshot) = registry.snapshot() else { panic!("memory can be read") };
    is_named(&snapshot, "work_seconds");
    is_named(&Surface::Legacy, "Legacy");
    let exposition = Exposition::new(&snapshot, &View::default());
    assert!(text(&exposition).len() <= openmetrics(&exposition).len() + 100);
}
