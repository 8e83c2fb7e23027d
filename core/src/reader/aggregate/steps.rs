//! The number of steps of an aggregation, by which tests check how it grows.

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts steps: shares, definitions or observations that a loop visits. Does nothing outside of
/// tests.
pub(crate) fn count(steps: usize) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + steps);
    #[cfg(not(test))]
    let _ = steps;
}

#[cfg(test)]
mod tests {
    use super::STEPS;
    use crate::{FamilyOptions, Reader, Registry};

    /// Returns the steps of the first snapshot of that many segments, and of a second one, before
    /// which every series of every segment changed.
    fn steps(segments: usize) -> [usize; 2] {
        let directory = tempfile::tempdir().unwrap();
        // Definitions that conflict, and bounds that differ, are not rare: each deployment that
        // changes an option has them.
        let options = [
            FamilyOptions::default().window(100),
            FamilyOptions::default().window(90),
            FamilyOptions::default().window(100).buckets(&[0.5, 1.0]),
            FamilyOptions::default().window(100).buckets(&[0.5, 2.0]),
        ];
        let record = |registry: &Registry| {
            registry.gauge("busy", "", &[]).unwrap().labels(&[]).unwrap().add(1.5);
            registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
            let seconds = registry.timer("seconds", "", &[]).unwrap().labels(&[]).unwrap();
            (0..10).for_each(|value| seconds.observe(value.into()));
        };
        let open =
            |at: usize| Registry::open_with(directory.path(), options[at % options.len()].clone()).unwrap();
        let registries: Vec<Registry> = (0..segments).map(open).collect();
        // All segments have recorded in turn, so that their observations are interleaved.
        (0..3).for_each(|_| registries.iter().for_each(record));
        let mut reader = Reader::new(directory.path());
        [(), ()].map(|()| {
            STEPS.set(0);
            let snapshot = reader.snapshot().unwrap();
            assert_eq!(snapshot.health.live_segments, segments as u64);
            registries.iter().for_each(record);
            STEPS.get()
        })
    }

    #[test]
    fn steps_of_a_snapshot_grow_linearly_with_segments() {
        let (few, many) = (steps(100), steps(200));
        for (few, many) in few.into_iter().zip(many) {
            assert!(few > 0 && many <= 2 * few + few / 5, "{few} steps of 100 segments, {many} of 200");
        }
    }
}
