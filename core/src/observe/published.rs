//! Tests of a reader on a machine with weak memory order: it reads all that a thread records, from
//! its first series on.
//!
//! [`WeakMemoryView`](crate::segment::weak_memory) defines what such a reader may see. Each value
//! encodes its series and its index.
#![cfg(not(ictus_loom))]

use std::sync::Arc;

use super::{Counter, Family, Gauge, MetricHandle, Recorder, Timer};
use crate::{
    clock::Stamp,
    options::FamilyOptions,
    reader::{
        cursor::SegmentCursor,
        segment_reader::SegmentReader,
        totals::{SeriesTotal, Totals},
    },
    segment::{
        weak_memory::{Random, Trace, WeakMemoryView},
        writer::Segment,
    },
    sync::store_trace,
};

const WINDOW: u32 = 40;

fn value(series: usize, index: usize) -> f64 {
    (series * 1000 + index + 1) as f64
}

/// Returns the sum of the first `count` values of a series.
fn sum(series: usize, count: usize) -> f64 {
    (0..count).map(|index| value(series, index)).sum()
}

/// Records the stores of a thread that executes `run`. Returns the trace and the id of its segment.
/// `run` marks a moment by calling its second argument.
fn record(run: impl FnOnce(&Arc<Recorder>, &mut dyn FnMut()) + Send) -> (Trace, u64) {
    // In a separate thread, which has no lanes from other tests.
    std::thread::scope(|scope| {
        let recorded = scope.spawn(|| {
            let recorder =
                Arc::new(Recorder::in_memory(FamilyOptions::default().window(WINDOW).buckets(&[]).into()));
            let mut id = 0;
            let trace = Trace::of(|| {
                let segment: Arc<Segment> =
                    recorder.segments.with_segment(|segment| Some(Arc::clone(segment))).unwrap();
                id = segment.id;
                let mut moments = vec![store_trace::count()];
                run(&recorder, &mut || moments.push(store_trace::count()));
                (segment, moments)
            });
            (trace, id)
        });
        recorded.join().unwrap()
    })
}

fn family<M: MetricHandle>(recorder: &Arc<Recorder>, name: &str) -> Family<M> {
    Family::new(recorder, name, "", &["series"], &recorder.options().families).unwrap()
}

/// Runs `count` readers, each of which reads twice. `check` receives the result of each read and
/// the number of moments that the reader had seen before.
fn readers((trace, id): &(Trace, u64), count: u64, check: impl Fn(&Totals, usize) -> Result<(), String>) {
    for reader in 0..count {
        let eyes = WeakMemoryView::new(trace, Random(reader));
        let mut segment = SegmentReader::open(eyes, *id).unwrap();
        for look in 0..2 {
            let seen = segment.source().state.borrow().seen;
            let published = trace.checkpoints.partition_point(|&moment| moment <= seen) - 1;
            let totals = SegmentCursor::default().read(&mut segment, true);
            let totals = totals.unwrap_or_else(|bad| panic!("reader {reader}, look {look}: {bad}"));
            check(&totals, published).unwrap_or_else(|wrong| panic!("reader {reader}, look {look}: {wrong}"));
        }
    }
}

/// Returns each series of a family with its number.
fn each(totals: &Totals, name: &str) -> Vec<(usize, SeriesTotal)> {
    let shapes = totals.families.get(name).into_iter().flatten();
    let series = shapes.flat_map(|family| &family.series);
    series.map(|(values, total)| (values[0].parse().unwrap(), total.clone())).collect()
}

/// Checks that a timer shows the first `count` values of its series, where `count` is at most
/// `max`.
fn timer_holds(series: usize, max: usize, seen: &SeriesTotal) -> Result<(), String> {
    let count = seen.count as usize;
    let newest: Vec<f64> = seen.newest.iter().map(|observation| observation.value).collect();
    let expected: Vec<f64> =
        (count.saturating_sub(WINDOW as usize)..count).map(|index| value(series, index)).collect();
    let counted = seen.distribution.count() as usize;
    let exponential: u64 = seen.distribution.exponential.values().sum();
    let holds = count <= max
        && newest == expected
        && seen.sum.to_f64() == sum(series, count)
        && counted.max(exponential as usize) <= count;
    if holds { Ok(()) } else { Err(format!("timer {series} with {max} observations: {seen:?}")) }
}

fn state_holds(series: usize, states: &[f64], seen: f64) -> Result<(), String> {
    if states.contains(&seen) { Ok(()) } else { Err(format!("{seen} in series {series} of {states:?}")) }
}

#[test]
fn reader_sees_published_lanes_only() {
    // Several blocks of lanes, growing rings and pages of buckets. A moment is marked after each
    // series.
    const COUNTERS: usize = 70;
    let timers = [3, 1, 100, 1, 70];
    let recorded = record(|recorder, moment| {
        let (timed, counted) = (family::<Timer>(recorder, "timed"), family::<Counter>(recorder, "counted"));
        for (series, &count) in timers.iter().enumerate() {
            let timer = timed.labels(&[&series.to_string()]).unwrap();
            for index in 0..count {
                timer.observe_at(value(series, index), Stamp::now());
            }
            moment();
        }
        for series in 0..COUNTERS {
            counted.labels(&[&series.to_string()]).unwrap().add(value(series, 0));
            moment();
        }
        let gauge = family::<Gauge>(recorder, "gauged").labels(&["0"]).unwrap();
        gauge.set(value(0, 0));
        gauge.add(1.0);
        moment();
    });
    readers(&recorded, 1500, |totals, published| {
        let shown = each(totals, "timed");
        for (series, seen) in &shown {
            timer_holds(*series, timers[*series], seen)?;
        }
        let whole = shown.iter().filter(|(series, seen)| seen.count as usize == timers[*series]).count();
        if whole < published.min(timers.len()) {
            return Err(format!("{whole} timers are whole of {published} series"));
        }
        let shown = each(totals, "counted");
        for (series, seen) in &shown {
            state_holds(*series, &[0.0, value(*series, 0)], seen.sum.to_f64())?;
        }
        let whole = shown.iter().filter(|(_, seen)| seen.sum.to_f64() > 0.0).count() + timers.len();
        if whole < published.min(timers.len() + COUNTERS) {
            return Err(format!("{whole} timers and counters are whole of {published} series"));
        }
        for (series, seen) in each(totals, "gauged") {
            state_holds(series, &[0.0, value(series, 0), value(series, 1)], seen.state)?;
        }
        Ok(())
    });
}

#[test]
fn a_reader_never_mixes_series() {
    // Each series takes the lane and the descriptor of the previous one. Other threads remove
    // series and adopt the lanes.
    /// Maximum number of changes of a counter or gauge.
    const SHORT: usize = 5;
    let lengths = [3, 2, 1, 4, 3, 2, 3, 66, 5, 2, 3, 2];
    let recorded = record(|recorder, _| {
        let (timed, counted) = (family::<Timer>(recorder, "timed"), family::<Counter>(recorder, "counted"));
        let gauged = family::<Gauge>(recorder, "gauged");
        for (series, &length) in lengths.iter().enumerate() {
            let label = series.to_string();
            let timer = timed.labels(&[&label]).unwrap();
            let counter = counted.labels(&[&label]).unwrap();
            let gauge = gauged.labels(&[&label]).unwrap();
            for index in 0..length {
                timer.observe_at(value(series, index), Stamp::now());
                if index < SHORT {
                    counter.add(value(series, index));
                    if index == 2 {
                        gauge.add(1.0);
                    } else {
                        gauge.set(value(series, index));
                    }
                }
                store_trace::transfer_fence();
            }
            timed.remove(&[&label]).unwrap();
            counted.remove(&[&label]).unwrap();
            gauged.remove(&[&label]).unwrap();
            store_trace::transfer_fence();
        }
    });
    readers(&recorded, 10_000, |totals, _| {
        for (series, seen) in each(totals, "timed") {
            timer_holds(series, lengths[series], &seen)?;
        }
        for (series, seen) in each(totals, "counted") {
            let sums: Vec<f64> = (0..=lengths[series].min(SHORT)).map(|count| sum(series, count)).collect();
            state_holds(series, &sums, seen.sum.to_f64())?;
        }
        for (series, seen) in each(totals, "gauged") {
            let mut states: Vec<f64> = (0..lengths[series]).map(|index| value(series, index)).collect();
            states.push(0.0);
            state_holds(series, &states, seen.state)?;
        }
        Ok(())
    });
}
