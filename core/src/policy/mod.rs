//! Decisions that a snapshot and a retirement share: which definition of a family applies, which
//! series are shown separately, and the order of labels.
//!
//! These are functions over definitions and contributions. Because both callers use them, folding a
//! segment into the totals does not change a snapshot.

pub(crate) mod agreement;
pub(crate) mod label_order;
pub(crate) mod series_limit;
