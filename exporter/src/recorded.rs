//! Names as they were recorded, for people and programs that look at no surface.

use ictus::{catalog, snapshot::Family};

/// Who thought a family up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// One of the metrics of Conductor's SDKs.
    Conductor,
    /// A family of the program itself.
    User,
}

impl Origin {
    /// Whose a family is, and its name without the prefix, which nobody needs to read.
    pub(crate) fn of(family: &Family) -> (Origin, &str) {
        match family.name.strip_prefix(catalog::PREFIX) {
            Some(name) => (Origin::Conductor, name),
            None => (Origin::User, &family.name),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Origin::Conductor => "conductor",
            Origin::User => "user",
        }
    }
}
