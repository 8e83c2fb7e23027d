//! Log messages about definitions of a family, once for each pair of definitions.

use crate::{format::descriptor::FamilyDescriptor, log_once, policy::agreement};

/// Logs once that living processes define a family differently, and which definition applies.
pub(crate) fn conflict(holds: &FamilyDescriptor, other: &FamilyDescriptor) {
    let notice = format!(
        "processes define the metric family {:?} differently: the newest definition holds ({}), another one \
         does not ({}); give all processes the same options",
        holds.name,
        agreement::describe(holds),
        agreement::describe(other),
    );
    log_once::once(&notice, &notice);
}

/// Logs once that a family is not shown because a definition of another type or unit applies to its
/// name.
pub(crate) fn hidden(holds: &FamilyDescriptor, other: &FamilyDescriptor) {
    log_once::warn_skipped(
        &other.name,
        &format!(
            "another definition of that name holds ({}), of another type or unit than this one ({}); give one \
             of them another name",
            agreement::describe(holds),
            agreement::describe(other),
        ),
    );
}
