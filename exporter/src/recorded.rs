//! Names as they were recorded, for people and programs that look at no surface.

use ictus::{catalog, snapshot::Family};

/// Who thought a family up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FamilyOrigin {
    /// One of the metrics of Conductor's SDKs.
    Conductor,
    /// A family of the program itself.
    User,
}

impl FamilyOrigin {
    /// Whose a family is, and its name without the prefix, which nobody needs to read.
    pub(crate) fn of(family: &Family) -> (FamilyOrigin, &str) {
        match family.name.strip_prefix(catalog::PREFIX) {
            Some(name) => (FamilyOrigin::Conductor, name),
            None => (FamilyOrigin::User, &family.name),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            FamilyOrigin::Conductor => "conductor",
            FamilyOrigin::User => "user",
        }
    }
}
