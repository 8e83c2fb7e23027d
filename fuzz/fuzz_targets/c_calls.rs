//! Sequences of calls of the C library, compared with a model of their results: NULL, invalid
//! names, kinds that differ, values that cannot be recorded, handles that outlive their registry.
//!
//! An input is a list of calls: one byte for the function, one for the handle or the series, one
//! for the value.
#![no_main]

use std::{
    collections::BTreeMap,
    ffi::{c_char, c_int, c_void},
    ptr::{null, null_mut},
};

use ictus_ffi::{
    ictus_counter, ictus_counter_add, ictus_counter_free, ictus_counter_inc, ictus_counter_new, ictus_gauge,
    ictus_gauge_add, ictus_gauge_free, ictus_gauge_new, ictus_gauge_set, ictus_registry, ictus_registry_free,
    ictus_registry_new, ictus_registry_render, ictus_snapshot_free, ictus_snapshot_new,
    ictus_snapshot_timing, ictus_snapshot_value, ictus_status, ictus_str, ictus_timer, ictus_timer_free,
    ictus_timer_new, ictus_timer_observe, ictus_timing,
};
use libfuzzer_sys::fuzz_target;

/// Some names collide with families of other kinds, and some are invalid.
const NAMES: [&[u8]; 6] = [b"a", b"b", b"a_total", b"0", b"", b"\xff"];
const LABELS: [&[u8]; 4] = [b"x", b"", b"\"\n\\", b"\xc3"];
const VALUES: [f64; 8] = [0.0, 1.0, 0.25, -1.0, f64::NAN, f64::INFINITY, 1e300, 3.5];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Handle {
    Counter(*mut ictus_counter),
    Gauge(*mut ictus_gauge),
    Timer(*mut ictus_timer),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Counter(f64),
    Gauge(f64),
    Timer(u64, f64),
}

type Series = (usize, usize);

fn string(bytes: &'static [u8]) -> ictus_str {
    ictus_str { data: bytes.as_ptr().cast(), len: bytes.len() }
}

unsafe extern "C" fn discard(context: *mut c_void, _: *const c_char, length: usize) -> c_int {
    // SAFETY: `context` comes from the call below, which waits for this one.
    unsafe { *context.cast::<usize>() += length };
    0
}

fuzz_target!(|input: &[u8]| {
    let mut registry: *mut ictus_registry = null_mut();
    // SAFETY: the pointer is writable.
    assert_eq!(unsafe { ictus_registry_new(&raw mut registry) }, ictus_status::Ok);
    let mut handles: Vec<(Series, Handle)> = Vec::new();
    let mut model: BTreeMap<Series, Expected> = BTreeMap::new();
    for call in input.chunks_exact(3) {
        let (name, label) =
            (usize::from(call[1] & 7) % NAMES.len(), usize::from(call[1] >> 3) % LABELS.len());
        let (series, value) = ((name, label), VALUES[usize::from(call[2]) % VALUES.len()]);
        match call[0] % 8 {
            kind @ 0..=2 => make(registry, kind, series, call[2] & 64 != 0, &mut handles, &mut model),
            3 | 4 if !handles.is_empty() => {
                let (series, handle) = handles[usize::from(call[1]) % handles.len()];
                record(handle, value, model.get_mut(&series).expect("made"));
            }
            5 if !handles.is_empty() => {
                let (_, handle) = handles.swap_remove(usize::from(call[1]) % handles.len());
                // SAFETY: comes from the call that created it, and is removed from the list.
                unsafe { free(handle) };
            }
            6 => check(registry, &model),
            _ => nothing_is_done_to_null(registry),
        }
    }
    check(registry, &model);
    // Handles outlive their registry.
    // SAFETY: created above, and not used again.
    unsafe { ictus_registry_free(registry) };
    for (series, handle) in handles {
        record(handle, 1.0, model.get_mut(&series).expect("made"));
        // SAFETY: comes from the call that created it, and is not used again.
        unsafe { free(handle) };
    }
});

/// Creates a series of a family with one label. If a series of that name exists, its kind must be
/// the same.
fn make(
    registry: *const ictus_registry,
    kind: u8,
    series: Series,
    null_label: bool,
    handles: &mut Vec<(Series, Handle)>,
    model: &mut BTreeMap<Series, Expected>,
) {
    let (name, label) = (NAMES[series.0], LABELS[series.1]);
    let (names, values) = ([string(b"l")], [string(label)]);
    let values = if null_label { null() } else { values.as_ptr() };
    let (mut counter, mut gauge, mut timer) = (null_mut(), null_mut(), null_mut());
    let (text, help) = (string(name), string(b"Help."));
    // SAFETY: arrays of one, readable for the time of the call, or NULL; the pointers to handles
    // are writable.
    let status = unsafe {
        match kind {
            0 => ictus_counter_new(registry, text, help, names.as_ptr(), values, 1, &raw mut counter),
            1 => ictus_gauge_new(registry, text, help, names.as_ptr(), values, 1, &raw mut gauge),
            _ => ictus_timer_new(registry, text, help, names.as_ptr(), values, 1, &raw mut timer),
        }
    };
    let new = match kind {
        0 => (Handle::Counter(counter), Expected::Counter(0.0)),
        1 => (Handle::Gauge(gauge), Expected::Gauge(0.0)),
        _ => (Handle::Timer(timer), Expected::Timer(0, 0.0)),
    };
    if status != ictus_status::Ok {
        assert!(counter.is_null() && gauge.is_null() && timer.is_null());
        return;
    }
    assert!(!null_label && std::str::from_utf8(name).is_ok() && std::str::from_utf8(label).is_ok());
    assert!(series.0 < 3, "no name: {name:?}");
    // A counter's name is recorded without `_total`, so that both spellings are one family.
    let series = if kind == 0 && name == b"a_total" { (0, series.1) } else { series };
    let first = *model.entry(series).or_insert(new.1);
    assert_eq!(std::mem::discriminant(&first), std::mem::discriminant(&new.1), "of two kinds");
    handles.push((series, new.0));
}

fn record(handle: Handle, value: f64, expected: &mut Expected) {
    // SAFETY: the handles are not freed.
    let status = unsafe {
        match handle {
            Handle::Counter(counter) if value == 1.0 => ictus_counter_inc(counter),
            Handle::Counter(counter) => ictus_counter_add(counter, value),
            Handle::Gauge(gauge) if value < 1.0 => ictus_gauge_add(gauge, value),
            Handle::Gauge(gauge) => ictus_gauge_set(gauge, value),
            Handle::Timer(timer) => ictus_timer_observe(timer, value),
        }
    };
    if status != ictus_status::Ok {
        assert_eq!(status, ictus_status::Value, "{handle:?} {value}");
        return;
    }
    match expected {
        Expected::Counter(total) => *total += value,
        Expected::Gauge(state) if value < 1.0 => *state += value,
        Expected::Gauge(state) => *state = value,
        Expected::Timer(count, sum) => (*count, *sum) = (*count + 1, *sum + value),
    }
}

/// Checks that a snapshot has the recorded values, and that each format can be written.
fn check(registry: *const ictus_registry, model: &BTreeMap<Series, Expected>) {
    let mut snapshot = null_mut();
    // SAFETY: the registry is not freed; the pointer is writable.
    assert_eq!(unsafe { ictus_snapshot_new(registry, &raw mut snapshot) }, ictus_status::Ok);
    for (&(name, label), expected) in model {
        let labels = [string(LABELS[label])];
        let name = string(NAMES[name]);
        let (mut value, mut timing) = (f64::NAN, ictus_timing { count: 0, sum: 0.0, window: 0 });
        // SAFETY: the snapshot is not freed; the array has one element; the pointers are writable.
        let found = unsafe {
            match expected {
                Expected::Timer(..) => {
                    ictus_snapshot_timing(snapshot, name, labels.as_ptr(), 1, &raw mut timing)
                }
                _ => ictus_snapshot_value(snapshot, name, labels.as_ptr(), 1, &raw mut value),
            }
        };
        match *expected {
            // A series without observations may be missing.
            Expected::Counter(0.0) | Expected::Gauge(0.0) | Expected::Timer(0, _)
                if found == ictus_status::Unknown => {}
            Expected::Counter(expected) | Expected::Gauge(expected) => {
                assert_eq!(found, ictus_status::Ok);
                let close = (value - expected).abs() <= 1e-9 * expected.abs().max(1.0);
                assert!(close || value == expected, "{value} is not {expected}");
            }
            Expected::Timer(count, sum) => {
                assert_eq!((found, timing.count), (ictus_status::Ok, count));
                assert!((timing.sum - sum).abs() <= 1e-9 * sum.max(1.0), "{} is not {sum}", timing.sum);
            }
        }
    }
    let mut length = 0_usize;
    for format in 0..5 {
        // SAFETY: `length` outlives the call, and the callback uses nothing else.
        let status =
            unsafe { ictus_registry_render(registry, format, 0, Some(discard), (&raw mut length).cast()) };
        assert_eq!(status == ictus_status::Ok, format < 4);
    }
    // There are always metrics of Ictus itself.
    assert!(length > 0);
    // SAFETY: created above, and not used again.
    unsafe { ictus_snapshot_free(snapshot) };
}

/// Checks that every function refuses NULL, and that freeing NULL has no effect.
fn nothing_is_done_to_null(registry: *const ictus_registry) {
    // SAFETY: the tested argument is NULL.
    unsafe {
        assert_eq!(ictus_counter_inc(null()), ictus_status::Null);
        assert_eq!(ictus_gauge_set(null(), 1.0), ictus_status::Null);
        assert_eq!(ictus_timer_observe(null(), 1.0), ictus_status::Null);
        assert_eq!(ictus_snapshot_new(registry, null_mut()), ictus_status::Null);
        assert_eq!(ictus_registry_new(null_mut()), ictus_status::Null);
        ictus_registry_free(null_mut());
        ictus_counter_free(null_mut());
        ictus_gauge_free(null_mut());
        ictus_timer_free(null_mut());
        ictus_snapshot_free(null_mut());
    }
}

/// # Safety
///
/// The handle is not used again.
unsafe fn free(handle: Handle) {
    // SAFETY: this function's own contract.
    unsafe {
        match handle {
            Handle::Counter(counter) => ictus_counter_free(counter),
            Handle::Gauge(gauge) => ictus_gauge_free(gauge),
            Handle::Timer(timer) => ictus_timer_free(timer),
        }
    }
}
