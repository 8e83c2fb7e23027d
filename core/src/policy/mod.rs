//! The decisions that a snapshot and a retirement share: which definition of a family holds, which
//! series are shown on their own, and in which order labels stand.
//!
//! Plain functions over definitions and contributions. Both users call them with what they have read,
//! so folding a segment into the totals never changes what a snapshot shows.

pub(crate) mod agreement;
pub(crate) mod label_order;
pub(crate) mod series_limit;
