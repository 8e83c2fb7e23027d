//! Sequences of calls of the C library, compared with a model of their results.
//!
//! They have NULL, invalid names, kinds that differ, values that cannot be recorded, and handles that
//! outlive their registry. They set options, record exemplars and remove series.
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
    ictus_counter, ictus_counter_add, ictus_counter_free, ictus_counter_inc, ictus_counter_new,
    ictus_family_options, ictus_family_options_free, ictus_family_options_new,
    ictus_family_options_set_buckets, ictus_family_options_set_expire_after,
    ictus_family_options_set_max_age, ictus_family_options_set_max_series,
    ictus_family_options_set_no_distribution, ictus_family_options_set_window, ictus_gauge, ictus_gauge_add,
    ictus_gauge_free, ictus_gauge_new, ictus_gauge_set, ictus_registry, ictus_registry_free,
    ictus_registry_new, ictus_registry_new_with, ictus_registry_options, ictus_registry_options_free,
    ictus_registry_options_new, ictus_registry_options_set_families, ictus_registry_options_set_group,
    ictus_registry_options_set_utf8_names, ictus_registry_remove, ictus_registry_remove_idle,
    ictus_registry_render, ictus_snapshot_free, ictus_snapshot_new, ictus_snapshot_timing,
    ictus_snapshot_value, ictus_status, ictus_str, ictus_timer, ictus_timer_free, ictus_timer_new,
    ictus_timer_new_with, ictus_timer_observe, ictus_timer_observe_exemplar, ictus_timing,
};
use libfuzzer_sys::fuzz_target;

/// Some names collide with families of other kinds, and some are invalid.
const NAMES: [&[u8]; 6] = [b"a", b"b", b"a_total", b"0", b"", b"\xff"];
const LABELS: [&[u8]; 4] = [b"x", b"", b"\"\n\\", b"\xc3"];
/// The first three are valid.
const TRACE_IDS: [&[u8]; 7] = [b"4bf92f35", b"\xc3\xbc", &[b'x'; 96], &[b'x'; 97], b"", b"\n", b"\xff"];
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
    let mut options = Options::new();
    let mut registry: *mut ictus_registry = null_mut();
    // SAFETY: the options are not freed, and the pointer is writable.
    let status = unsafe { ictus_registry_new_with(options.registry, &raw mut registry) };
    assert_eq!(status, ictus_status::Ok);
    let mut handles: Vec<(Series, Handle)> = Vec::new();
    let mut model: BTreeMap<Series, Expected> = BTreeMap::new();
    for call in input.chunks_exact(3) {
        let (name, label) =
            (usize::from(call[1] & 7) % NAMES.len(), usize::from(call[1] >> 3) % LABELS.len());
        let (series, value) = ((name, label), VALUES[usize::from(call[2]) % VALUES.len()]);
        match call[0] % 12 {
            kind @ (0..=2 | 8) => {
                make(registry, kind, series, &options, call[2] & 64 != 0, &mut handles, &mut model);
            }
            9 => options.set(call[1], value, call[2]),
            10 if !handles.is_empty() => {
                let (series, handle) = handles[usize::from(call[1]) % handles.len()];
                let id = TRACE_IDS[usize::from(call[2] >> 3) % TRACE_IDS.len()];
                exemplify(handle, value, id, model.get_mut(&series).expect("made"));
            }
            11 => remove(registry, series, call[2], &mut handles, &mut model),
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
    drop(options);
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
    options: &Options,
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
            8 => {
                let (names, options) = (names.as_ptr(), options.family);
                ictus_timer_new_with(registry, text, help, names, values, 1, options, &raw mut timer)
            }
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

/// The options that new families get, and those with which the registry was created.
struct Options {
    family: *mut ictus_family_options,
    registry: *mut ictus_registry_options,
}

impl Options {
    fn new() -> Options {
        let mut options = Options { family: null_mut(), registry: null_mut() };
        // SAFETY: the pointers are writable.
        unsafe {
            assert_eq!(ictus_family_options_new(&raw mut options.family), ictus_status::Ok);
            assert_eq!(ictus_registry_options_new(&raw mut options.registry), ictus_status::Ok);
        }
        options
    }

    /// Sets an option. An invalid value is refused, and a valid one accepted.
    fn set(&mut self, option: u8, value: f64, number: u8) {
        let number = [0, 1, u32::from(number), 65_536, 65_537, u32::MAX][usize::from(number) % 6];
        let bounds = [[value, 2.0], [value, f64::INFINITY]][usize::from(option >> 7)];
        let hours = value.max(1.0) * 3600.0;
        let is_time = value > 0.0 && value < 1e19;
        // SAFETY: the options are not freed, and the array has two elements.
        let (status, is_valid) = unsafe {
            match option % 9 {
                0 => (ictus_family_options_set_window(self.family, number), (1..=65_536).contains(&number)),
                1 => (ictus_family_options_set_max_age(self.family, value), is_time),
                2 => (ictus_family_options_set_expire_after(self.family, hours), hours < 1e19),
                // Fewer series than the names and labels of this target would fall into overflow.
                3 => (
                    ictus_family_options_set_max_series(self.family, number.max(8) * u32::from(number > 0)),
                    number > 0,
                ),
                4 => {
                    let is_valid = value.is_finite() && (bounds[1].is_infinite() || value < bounds[1]);
                    (ictus_family_options_set_buckets(self.family, bounds.as_ptr(), 2), is_valid)
                }
                5 => (ictus_family_options_set_no_distribution(self.family), true),
                6 => (ictus_registry_options_set_group(self.registry, number), number != u32::MAX),
                7 => (ictus_registry_options_set_utf8_names(self.registry, 1), true),
                _ => (ictus_registry_options_set_families(self.registry, self.family), true),
            }
        };
        assert_eq!(
            status,
            if is_valid { ictus_status::Ok } else { ictus_status::Option },
            "{option} {value} {number}"
        );
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: from the functions that create them, and not used again.
        unsafe {
            ictus_family_options_free(self.family);
            ictus_registry_options_free(self.registry);
        }
    }
}

/// Records a duration with a trace id. Only the id is rejected if it is invalid.
fn exemplify(handle: Handle, value: f64, id: &'static [u8], expected: &mut Expected) {
    let Handle::Timer(timer) = handle else { return };
    // SAFETY: the handle is not freed, and the id is static.
    let status = unsafe { ictus_timer_observe_exemplar(timer, value, string(id)) };
    if status == ictus_status::Value {
        assert!(!(value >= 0.0 && value < 1e28), "{value}");
        return;
    }
    let is_valid = TRACE_IDS[..3].contains(&id);
    assert_eq!(status, if is_valid { ictus_status::Ok } else { ictus_status::TraceId }, "{id:?}");
    let Expected::Timer(count, sum) = expected else { panic!("a timer") };
    (*count, *sum) = (*count + 1, *sum + value);
}

/// Removes a series, or those that are idle for an hour or more, which none is. Frees the handles of a removed series, through
/// which nothing is recorded any more.
fn remove(
    registry: *const ictus_registry,
    series: Series,
    idle: u8,
    handles: &mut Vec<(Series, Handle)>,
    model: &mut BTreeMap<Series, Expected>,
) {
    if idle & 128 != 0 {
        let (mut removed, value) = (7, VALUES[usize::from(idle) % VALUES.len()] * 3600.0 + 7200.0);
        // SAFETY: the registry is not freed, and the pointer is writable.
        let status = unsafe { ictus_registry_remove_idle(registry, value, &raw mut removed) };
        match value.is_finite() && value < 1e19 {
            true => assert_eq!((status, removed), (ictus_status::Ok, 0)),
            false => assert_eq!((status, removed), (ictus_status::Option, 7)),
        }
        return;
    }
    let (names, values) = ([string(b"l")], [string(LABELS[series.1])]);
    // SAFETY: arrays of one, readable for the time of the call; the registry is not freed.
    let status = unsafe {
        ictus_registry_remove(registry, string(NAMES[series.0]), names.as_ptr(), values.as_ptr(), 1)
    };
    // A counter may be given by both of its spellings.
    let is_counter = |series: &Series| matches!(model.get(series), Some(Expected::Counter(_)));
    let series = if !model.contains_key(&series) && series.0 == 2 && is_counter(&(0, series.1)) {
        (0, series.1)
    } else {
        series
    };
    let is_text = std::str::from_utf8(NAMES[series.0]).and(std::str::from_utf8(LABELS[series.1])).is_ok();
    if !is_text {
        return assert_eq!(status, ictus_status::Utf8);
    }
    let existed = model.remove(&series).is_some();
    assert_eq!(status, if existed { ictus_status::Ok } else { ictus_status::Unknown }, "{series:?}");
    handles.retain(|&(of, handle)| {
        if of == series {
            // SAFETY: comes from the call that created it, and is removed from the list.
            unsafe { free(handle) };
        }
        of != series
    });
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
        assert_eq!(ictus_registry_new_with(null(), null_mut()), ictus_status::Null);
        assert_eq!(ictus_registry_options_new(null_mut()), ictus_status::Null);
        assert_eq!(ictus_registry_options_set_families(null_mut(), null()), ictus_status::Null);
        assert_eq!(ictus_registry_options_set_group(null_mut(), 1), ictus_status::Null);
        assert_eq!(ictus_registry_options_set_utf8_names(null_mut(), 1), ictus_status::Null);
        assert_eq!(ictus_family_options_new(null_mut()), ictus_status::Null);
        assert_eq!(ictus_family_options_set_window(null_mut(), 1), ictus_status::Null);
        assert_eq!(ictus_family_options_set_buckets(null_mut(), null(), 0), ictus_status::Null);
        assert_eq!(ictus_timer_observe_exemplar(null(), 1.0, string(b"x")), ictus_status::Null);
        assert_eq!(ictus_registry_remove(null(), string(b"a"), null(), null(), 0), ictus_status::Null);
        assert_eq!(ictus_registry_remove(registry, string(b"a"), null(), null(), 1), ictus_status::Null);
        assert_eq!(ictus_registry_remove_idle(registry, 1.0, null_mut()), ictus_status::Null);
        ictus_registry_options_free(null_mut());
        ictus_family_options_free(null_mut());
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
