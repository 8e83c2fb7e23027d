//! Tests of the totals file.

use std::sync::Arc;

use proptest::prelude::*;

use super::TotalsFile;
use crate::{
    catalog::Kind,
    exemplar::Exemplar,
    format::{descriptor::FamilyDescriptor, error::SegmentError},
    histogram::Distribution,
    reader::totals::{SeriesTotal, Totals},
    snapshot::Observation,
    sum::ExactSum,
};

fn encoded(file: &TotalsFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.write(&file.head().unwrap(), &mut bytes).unwrap();
    bytes
}

fn decoded(bytes: &[u8]) -> Result<TotalsFile, SegmentError> {
    TotalsFile::read_from(bytes, bytes.len() as u64)
}

fn family(kind: Kind, labels: usize) -> Arc<FamilyDescriptor> {
    let labels = ["a", "b", "c"][..labels].to_vec();
    Arc::new(FamilyDescriptor {
        distribution: true,
        ..FamilyDescriptor::test_fixture(&format!("{kind:?}"), kind, &labels)
    })
}

fn file(series: &[(String, u32)]) -> TotalsFile {
    let mut totals = Totals::from_losses(std::array::from_fn(|loss| loss as u64 + 1));
    for (value, count) in series {
        let newest = (0..*count).map(|index| Observation {
            epoch: index / 2,
            origin: 7,
            stamp: u64::from(index),
            value: f64::from(index) / 3.0,
        });
        let total = SeriesTotal {
            lanes: 0,
            since: 0,
            begun: 3,
            count: u64::from(*count),
            sum: ExactSum::from_values(newest.clone().map(|observation| observation.value)),
            state: 0.0,
            distribution: Distribution {
                bounds: vec![0.5],
                classic: vec![1, u64::from(*count)],
                zero: 7,
                unallocated: 8,
                exponential: [(-5, 1), (700, 2)].into_iter().collect(),
            },
            newest: newest.collect(),
            exemplars: [0.25, 0.75].map(|value| Exemplar { value, time: 9, trace_id: "ab".into() }).into(),
        };
        totals.add_series(&family(Kind::Timer, 1), 5, std::slice::from_ref(value), total);
    }
    totals.prepare_for_storage();
    for (segment, value) in [(3, "a"), (3, "b"), (u64::MAX, "a")] {
        totals.over.insert(segment, &family(Kind::Timer, 1), &[value.to_owned()]);
    }
    TotalsFile { generation: 9, folded: vec![1, u64::MAX], aside: vec![1], totals }
}

#[test]
fn exemplars_that_cannot_be_shown_are_dropped() {
    let mut file = file(&[("a".into(), 5)]);
    let of = |time, trace_id: &str| Exemplar { value: 0.25, time, trace_id: trace_id.into() };
    for unfit in [of(0, "a"), of(u64::MAX, "a"), of(9, ""), of(9, "\n")] {
        let series =
            file.totals.families.values_mut().flatten().flat_map(|family| family.series.values_mut());
        series.for_each(|series| series.exemplars = vec![unfit.clone(), of(9, "fit")]);
        let decoded = self::decoded(&encoded(&file)).unwrap();
        let mut series = decoded.totals.families.values().flatten().flat_map(|family| family.series.values());
        assert_eq!(series.next().unwrap().exemplars, [of(9, "fit")]);
    }
}

proptest! {
    #[test]
    fn totals_round_trip_through_a_file(series in prop::collection::vec((".*", 0u32..6), 0..4)) {
        let file = file(&series);
        prop_assert_eq!(decoded(&encoded(&file)).unwrap(), file);
    }

    #[test]
    fn flipped_and_missing_bytes_are_detected(at in any::<prop::sample::Index>(), bit in 0..8, cut in any::<bool>()) {
        let mut bytes = encoded(&file(&[("a".into(), 5)]));
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1u8 << bit }
        prop_assert!(decoded(&bytes).is_err());
    }
}
