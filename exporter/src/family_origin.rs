//! Recorded names of families, for output that does not use a surface.

use ictus::{catalog, snapshot::Family};

/// The origin of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FamilyOrigin {
    /// One of the metrics of Conductor's SDKs.
    Conductor,
    /// A family that the program defines.
    User,
}

impl FamilyOrigin {
    /// Returns a family's origin, and its name without the prefix of Conductor's metrics.
    pub(crate) fn from_family(family: &Family) -> (FamilyOrigin, &str) {
        FamilyOrigin::from_name(&family.name)
    }

    /// Returns the same for a family's recorded name.
    pub(crate) fn from_name(recorded: &str) -> (FamilyOrigin, &str) {
        match recorded.strip_prefix(catalog::PREFIX) {
            Some(name) => (FamilyOrigin::Conductor, name),
            None => (FamilyOrigin::User, recorded),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            FamilyOrigin::Conductor => "conductor",
            FamilyOrigin::User => "user",
        }
    }
}
