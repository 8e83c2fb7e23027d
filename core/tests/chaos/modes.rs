//! Makes file modes apply to root as to other users, so that a directory can be made read-only for
//! all.

use rustix::thread::{CapabilitySet, capabilities, remove_capability_from_bounding_set, set_capabilities};

/// Applies modes to this thread and to the processes that it starts. Returns whether modes apply
/// now.
pub(crate) fn obey() -> bool {
    let beyond = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
    let Ok(mut sets) = capabilities(None) else { return false };
    if !sets.permitted.intersects(beyond) {
        return true;
    }
    // A process started by root gets all capabilities that are in the bounding set.
    let bounded = beyond.iter().all(|capability| remove_capability_from_bounding_set(capability).is_ok());
    sets.effective -= beyond;
    sets.permitted -= beyond;
    bounded && set_capabilities(None, sets).is_ok()
}
