//! The choice between several definitions of a family.
//!
//! A definition of a live process takes precedence over that of an ended process. Among several of
//! either kind, the newest takes precedence. So a changed option applies from the first restart on,
//! and definitions of ended processes cannot restore the old option.

use crate::format::descriptor::FamilyDescriptor;

/// The precedence of a definition. The definition with the greatest precedence applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Precedence {
    /// Whether the process that defined the family lives.
    pub(crate) lives: bool,
    /// When its segment was created.
    pub(crate) created: u64,
    /// Breaks ties between segments that were created at the same time, in the same way in every
    /// reader.
    pub(crate) segment: u64,
}

/// Returns the definition that applies.
pub(crate) fn holds<T>(definitions: impl IntoIterator<Item = (Precedence, T)>) -> Option<T> {
    definitions.into_iter().max_by_key(|&(precedence, _)| precedence).map(|(_, definition)| definition)
}

/// Returns whether two definitions with the same kind, unit and labels have different options.
pub(crate) fn conflicts(one: &FamilyDescriptor, other: &FamilyDescriptor) -> bool {
    let options = |record: &FamilyDescriptor| {
        (record.window, record.max_age, record.expire_after, record.max_series, record.distribution)
    };
    options(one) != options(other) || one.bounds != other.bounds
}

/// Returns whether families of one name may be shown together: their samples then have one type.
pub(crate) fn coexist(one: &FamilyDescriptor, other: &FamilyDescriptor) -> bool {
    (one.kind, one.unit) == (other.kind, other.unit)
}

/// Describes a definition for the log.
pub(crate) fn describe(record: &FamilyDescriptor) -> String {
    let FamilyDescriptor { kind, unit, labels, window, max_series, bounds, .. } = record;
    let time = |nanoseconds| match nanoseconds {
        0 => "none".to_owned(),
        _ => format!("{:?}", std::time::Duration::from_nanos(nanoseconds)),
    };
    let (max_age, expire_after) = (time(record.max_age), time(record.expire_after));
    let buckets = if record.distribution { format!("{bounds:?}") } else { "none".to_owned() };
    format!(
        "{kind:?}, unit {unit:?}, labels {labels:?}, window {window}, max_age {max_age}, \
         expire_after {expire_after}, max_series {max_series}, buckets {buckets}"
    )
}

#[cfg(test)]
mod tests {
    use super::{FamilyDescriptor, Precedence, coexist, conflicts, describe, holds};
    use crate::catalog::{Kind, Unit};

    fn at(lives: bool, created: u64, segment: u64) -> Precedence {
        Precedence { lives, created, segment }
    }

    #[test]
    fn live_definition_wins_over_an_ended_one() {
        assert_eq!(holds([(at(true, 1, 1), "living"), (at(false, 9, 9), "dead")]), Some("living"));
    }

    #[test]
    fn newest_definition_wins_within_live_and_ended_ones() {
        for lives in [true, false] {
            assert_eq!(holds([(at(lives, 2, 1), "new"), (at(lives, 1, 9), "old")]), Some("new"));
            assert_eq!(holds([(at(lives, 1, 9), "old"), (at(lives, 2, 1), "new")]), Some("new"));
        }
        assert_eq!(holds(Vec::<(Precedence, &str)>::new()), None);
    }

    #[test]
    fn order_of_reading_does_not_matter() {
        let definitions = [(at(true, 5, 1), 1), (at(true, 5, 2), 2)];
        assert_eq!(holds(definitions), Some(2));
        assert_eq!(holds(definitions.into_iter().rev()), Some(2));
    }

    #[test]
    fn different_options_conflict_and_different_help_does_not() {
        let record = FamilyDescriptor::test_fixture("jobs", Kind::Timer, &["queue"]);
        assert!(!conflicts(&record, &FamilyDescriptor { help: "Jobs.".into(), ..record.clone() }));
        let others = [
            FamilyDescriptor { window: 9, ..record.clone() },
            FamilyDescriptor { max_age: 9, ..record.clone() },
            FamilyDescriptor { expire_after: 9, ..record.clone() },
            FamilyDescriptor { max_series: 9, ..record.clone() },
            FamilyDescriptor { distribution: true, ..record.clone() },
            FamilyDescriptor { bounds: vec![9.0], ..record.clone() },
        ];
        for other in others {
            assert!(conflicts(&record, &other) && conflicts(&other, &record), "{}", describe(&other));
            assert_ne!(describe(&record), describe(&FamilyDescriptor { distribution: true, ..other }));
        }
    }

    #[test]
    fn families_of_one_type_and_unit_are_shown_together() {
        let record = FamilyDescriptor::test_fixture("jobs", Kind::Timer, &["queue"]);
        assert!(coexist(&record, &FamilyDescriptor { labels: Vec::new(), ..record.clone() }));
        assert!(!coexist(&record, &FamilyDescriptor { kind: Kind::Counter, ..record.clone() }));
        assert!(!coexist(&record, &FamilyDescriptor { unit: Unit::Bytes, ..record.clone() }));
    }
}
