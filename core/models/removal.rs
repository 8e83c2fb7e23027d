//! Models of series that end while threads record them.

use loom::thread;

use super::{
    check,
    fixture::{Fixture, series},
    run,
};
use crate::{
    catalog::Kind,
    format::{
        descriptor::FamilyDescriptor,
        layout::{HealthCounter, Lane},
        line_index::LineIndex,
        series_word::SeriesWord,
    },
    observe::{Counter, Gauge},
    segment::writer::Segment,
};

/// A thread creates its lane of a series that another thread removes: either the remover sees the
/// lane, or the creator sees the end.
pub fn a_series_ends_while_its_lane_is_made() {
    check("end of a new lane", 2, (24, 32), || {
        let fixture = Fixture::new();
        let family = fixture.family::<Counter>("a");
        let counter = family.labels(&[]).unwrap();
        run([Box::new(move || counter.add(1.0)), Box::new(move || assert!(family.remove(&[]).unwrap()))]);
        assert_eq!(fixture.read().families.len(), 0, "a lane that nobody ended");
    });
}

/// A lane is taken out of a table that grows. Then neither table has it, and its thread never
/// writes it as a lane of the ended series.
pub fn a_lane_is_taken_from_a_growing_table() {
    check("take", 2, (24, 40), || {
        let fixture = Fixture::new();
        let family = fixture.family::<Counter>("a");
        let removed = family.labels(&[]).unwrap();
        let [grown, again] = ["b", "c"].map(|name| fixture.metric::<Counter>(name));
        removed.add(1.0);
        let remover = thread::spawn(move || assert!(family.remove(&[]).unwrap()));
        grown.add(2.0);
        remover.join().unwrap();
        again.add(4.0);
        removed.add(8.0);
        let seen = fixture.read();
        let shown = ["a", "b", "c"].map(|name| series(&seen, name).sum.to_f64());
        assert_eq!(shown, [0.0, 2.0, 4.0], "what was not removed, and nothing else");
        assert_eq!(seen.losses[HealthCounter::Removed as usize], 1);
    });
}

/// A lane that another thread took and hid serves its thread's next series, while it is read.
pub fn a_lane_goes_to_another_series_with_concurrent_reader() {
    check("another series", 1, (24, 40), || {
        let fixture = Fixture::new();
        let family = fixture.family::<Counter>("a");
        let (first, second) = (family.labels(&[]).unwrap(), fixture.metric::<Counter>("b"));
        first.add(1.0);
        let remover = thread::spawn(move || assert!(family.remove(&[]).unwrap()));
        let reader = fixture.clone();
        let reader = thread::spawn(move || {
            let seen = reader.read();
            let shown = ["a", "b"].map(|name| series(&seen, name).sum.to_f64());
            assert!([0.0, 1.0].contains(&shown[0]) && [0.0, 2.0].contains(&shown[1]), "{shown:?}");
        });
        second.add(2.0);
        remover.join().unwrap();
        reader.join().unwrap();
        let seen = fixture.read();
        let shown = ["a", "b"].map(|name| series(&seen, name).sum.to_f64());
        assert_eq!((shown, seen.families.len()), ([0.0, 2.0], 1));
    });
}

/// A gauge is first set while it is removed.
pub fn a_gauge_ends_while_its_lane_is_made() {
    check("end of a new gauge", 2, (24, 32), || {
        let fixture = Fixture::new();
        let family = fixture.family::<Gauge>("a");
        let gauge = family.labels(&[]).unwrap();
        run([Box::new(move || gauge.set(1.0)), Box::new(move || assert!(family.remove(&[]).unwrap()))]);
        assert_eq!(fixture.read().families.len(), 0, "a lane that nobody ended");
    });
}

/// A late thread does not publish a lane that has since been promised to another incarnation.
pub fn a_lane_is_published_late() {
    check("late lane", 3, (24, 24), || {
        let segment = Segment::anonymous().unwrap();
        let lane: &'static Lane = &segment.new_block().unwrap().lanes[0];
        let [before, after] = [1, 2].map(|serial| SeriesWord::new(serial, LineIndex::new(1)));
        lane.reserve(before);
        run([
            Box::new(move || _ = lane.publish(before)),
            Box::new(move || {
                lane.unpublish();
                lane.clear();
                lane.reserve(after);
                assert!(lane.publish(after), "shown with the word of the life before");
            }),
        ]);
    });
}

/// A gauge that had expired is set while it expires and is set again. Either of its incarnations
/// may end, and its state varies with that. But the last one has a lane, and no other has.
pub fn a_gauge_expires_while_it_is_set() {
    check("late gauge", 2, (24, 40), || {
        let fixture = Fixture::new();
        let gauge = fixture.metric::<Gauge>("a");
        gauge.set(1.0);
        assert_eq!(fixture.recorder.expire(&gauge_a(), |_| true), 1);
        let (late, again, recorder) = (gauge.clone(), gauge.clone(), fixture.recorder.clone());
        run([
            Box::new(move || late.set(2.0)),
            Box::new(move || {
                recorder.expire(&gauge_a(), |_| true);
                again.set(3.0);
            }),
        ]);
        gauge.set(4.0);
        let seen = series(&fixture.read(), "a");
        assert_eq!((seen.state, seen.lanes), (4.0, 1));
    });
}

/// A gauge is first set by one thread, and then by another, while a third thread expires it.
pub fn a_gauge_expires_while_two_threads_set_it() {
    check("next life of a gauge", 0, (24, 48), || {
        let fixture = Fixture::new();
        let gauge = fixture.metric::<Gauge>("a");
        let (first, second, recorder) = (gauge.clone(), gauge.clone(), fixture.recorder.clone());
        run([
            Box::new(move || first.set(1.0)),
            Box::new(move || _ = recorder.expire(&gauge_a(), |_| true)),
            Box::new(move || second.set(2.0)),
        ]);
        gauge.set(4.0);
        let seen = series(&fixture.read(), "a");
        assert_eq!((seen.state, seen.lanes), (4.0, 1));
    });
}

/// Returns the definition of the gauge that expires.
fn gauge_a() -> FamilyDescriptor {
    FamilyDescriptor::test_fixture("a", Kind::Gauge, &[])
}
