//! The identity of a clock: whether timestamps of two processes can be compared.

use std::fmt;

use super::{monotonic, now, since_boot, source, wall};
use crate::sys;

/// The properties that distinguish one clock from another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClockIdentity {
    source: String,
    /// The boot's random id, if the system provides it.
    boot: Option<String>,
    /// When the system was started, in seconds since 1970. Used if a process cannot read the boot
    /// id.
    booted: i64,
    /// Milliseconds that the system has slept since the boot. The counter may restart when the
    /// system wakes.
    slept: i64,
    /// The time namespace, if the system provides it.
    namespace: Option<String>,
    /// A timestamp of the clock, taken together with the identity: a clock does not go back.
    stamp: u64,
}

/// Maximum difference in seconds between boot times of one boot, because the time of day is
/// corrected while a system runs. A clock that is set by more counts as another clock for processes
/// that compare boot times. Anchors order its observations.
const BOOT_TOLERANCE: u64 = 60;
const SLEEP_TOLERANCE: u64 = 500;
/// Maximum difference between the timestamps of two processors.
const STAMP_TOLERANCE: u64 = 1 << 32;
const COUNTER: &str = "tsc";
const UNKNOWN: &str = "-";

impl ClockIdentity {
    /// Returns the identity of this process's clock.
    pub(crate) fn own() -> ClockIdentity {
        let awake = monotonic();
        let since_boot = since_boot();
        ClockIdentity {
            source: source().to_owned(),
            boot: sys::boot_id(),
            booted: (i128::from(wall()) - i128::from(since_boot)).div_euclid(1_000_000_000) as i64,
            slept: (i128::from(since_boot) - i128::from(awake)).div_euclid(1_000_000) as i64,
            namespace: sys::time_namespace(),
            stamp: now(),
        }
    }

    /// Returns the wall clock's time when the system was started, in nanoseconds since 1970, as it
    /// was when the identity was taken.
    pub(crate) fn booted(&self) -> u64 {
        u64::try_from(self.booted).unwrap_or(0).saturating_mul(1_000_000_000)
    }

    pub(crate) fn parse(text: &str) -> Option<ClockIdentity> {
        let mut fields = text.split(' ');
        let mut field = || fields.next().filter(|field| !field.is_empty());
        let optional = |field: &str| (field != UNKNOWN).then(|| field.to_owned());
        let identity = ClockIdentity {
            source: field()?.to_owned(),
            boot: optional(field()?),
            booted: field()?.parse().ok()?,
            slept: field()?.parse().ok()?,
            namespace: optional(field()?),
            stamp: field()?.parse().ok()?,
        };
        fields.next().is_none().then_some(identity)
    }

    /// Returns whether this is the clock of an earlier identity. In doubt it is not.
    pub(crate) fn continues(&self, other: &ClockIdentity) -> bool {
        let is_near = |one: i64, other: i64, tolerance| one.abs_diff(other) <= tolerance;
        let both = |one: &Option<String>, other: &Option<String>| Some(one.as_ref()? == other.as_ref()?);
        let is_near_boot = is_near(self.booted, other.booted, BOOT_TOLERANCE);
        let is_same_boot = both(&self.boot, &other.boot).unwrap_or(is_near_boot);
        self.source == other.source
            && is_same_boot
            // Otherwise the counter restarted: the machine woke, or was moved.
            && !self.is_behind(other.stamp)
            && match self.source == COUNTER {
                true => is_near(self.slept, other.slept, SLEEP_TOLERANCE),
                // In another namespace, the kernel's clocks have another start, which changes the
                // apparent boot time.
                false => both(&self.namespace, &other.namespace).unwrap_or(is_near_boot),
            }
    }

    /// Returns whether the clock has not yet reached a timestamp. Another clock then made the
    /// timestamp.
    pub(crate) fn is_behind(&self, stamp: u64) -> bool {
        self.stamp.saturating_add(STAMP_TOLERANCE) < stamp
    }

    /// Returns a number that identifies the clock in every process that can read the boot id; 0 if
    /// this one cannot.
    pub(crate) fn fingerprint(&self) -> u64 {
        let Some(boot) = &self.boot else { return 0 };
        let slept = (self.slept + 500).div_euclid(1_000).to_string();
        let namespace = self.namespace.as_deref().unwrap_or(UNKNOWN);
        let last = if self.source == COUNTER { &slept } else { namespace };
        let bytes = [self.source.as_str(), boot, last].into_iter().flat_map(|part| part.bytes().chain([0]));
        // FNV-1a: the same in every version.
        bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        })
    }
}

impl fmt::Display for ClockIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClockIdentity { source, boot, booted, slept, namespace, stamp } = self;
        let shown = |field: &Option<String>| field.clone().unwrap_or_else(|| UNKNOWN.to_owned());
        write!(f, "{source} {} {booted} {slept} {} {stamp}", shown(boot), shown(namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::ClockIdentity;

    fn identity(text: &str) -> ClockIdentity {
        ClockIdentity::parse(text).unwrap()
    }

    #[test]
    fn identity_round_trips_through_text() {
        let own = ClockIdentity::own();
        let again = identity(&own.to_string());
        assert_eq!(again, own);
        assert!(ClockIdentity::own().continues(&own));
        assert_eq!(identity("tsc - -5 0 - 7").to_string(), "tsc - -5 0 - 7");
        let others = [
            "",
            "another boot",
            "tsc - 5 0 -",
            "tsc - 5 0 - 7 -",
            "tsc - x 0 - 7",
            "tsc  5 0 - 7",
            "tsc - 5 0 - -7",
        ];
        for other in others {
            assert_eq!(ClockIdentity::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn clocks_have_distinct_identities() {
        let same = |one: &str, other: &str| {
            let (one, other) = (identity(&format!("{one} 7")), identity(&format!("{other} 9")));
            assert_eq!(one.continues(&other), other.continues(&one));
            one.continues(&other)
        };
        let tsc = "tsc a 1000 0 time:[1]";
        assert!(same(tsc, "tsc a 9000 0 time:[1]"), "the clock was set");
        assert!(same(tsc, "tsc a 1000 0 time:[2]"), "a namespace does not change the counter");
        assert!(!same(tsc, "tsc b 1000 0 time:[1]"), "another boot");
        assert!(!same(tsc, "monotonic a 1000 0 time:[1]"), "another source");
        assert!(!same(tsc, "tsc a 1000 60000 time:[1]"), "a sleep in between");
        let monotonic = "monotonic a 1000 0 time:[1]";
        assert!(same(monotonic, "monotonic a 1000 60000 time:[1]"), "which does not change this clock");
        assert!(!same(monotonic, "monotonic a 1000 0 time:[2]"), "another namespace");
    }

    #[test]
    fn clock_set_back_has_another_identity() {
        let at = |stamp: u64| identity(&format!("tsc a 1000 0 time:[1] {stamp}"));
        let second = 1 << 32;
        assert!(at(10 * second).continues(&at(3 * second)));
        assert!(at(10 * second).continues(&at(10 * second + 9)), "another processor");
        assert!(!at(10 * second).continues(&at(12 * second)));
        assert!(at(u64::MAX).continues(&at(u64::MAX)));
    }

    #[test]
    fn fingerprint_covers_stable_properties_only() {
        let of = |text: &str| identity(text).fingerprint();
        assert_eq!(of("tsc a 1000 3 time:[1] 7"), of("tsc a 1001 0 time:[2] 9"));
        assert_eq!(of("monotonic a 1000 3 time:[1] 7"), of("monotonic a 1 60000 time:[1] 9"));
        assert_eq!(of("tsc - 1000 3 time:[1] 7"), 0);
        let clocks = [
            "tsc a 1 0 - 7",
            "tsc b 1 0 - 7",
            "tsc a 1 5000 - 7",
            "monotonic a 1 0 - 7",
            "monotonic a 1 0 b 7",
        ];
        let all: std::collections::BTreeSet<u64> = clocks.into_iter().map(of).collect();
        assert_eq!(all.len(), clocks.len());
    }

    #[test]
    fn boot_without_an_id_is_identified_by_its_time() {
        let same = |one: &str, other: &str| {
            identity(&format!("{one} 7")).continues(&identity(&format!("{other} 7")))
        };
        for current in ["monotonic - 1000 0 -", "monotonic a 1000 0 time:[1]"] {
            assert!(same(current, "monotonic - 1059 0 -"));
            assert!(!same(current, "monotonic - 1061 0 -"));
            assert!(!same(current, "monotonic - 900 0 time:[2]"));
            assert!(!same(current, "tsc - 1000 0 -"));
        }
    }
}
