//! The bytes of a segment: how a header, blocks, lanes and descriptors lie in its lines.
//!
//! Recording and reading meet in this module: both know the bytes, and neither knows the other.

pub(crate) mod anchors;
pub(crate) mod budget;
pub(crate) mod codec;
pub(crate) mod descriptor;
pub(crate) mod error;
pub(crate) mod layout;
pub(crate) mod limits;
pub(crate) mod line_allocator;
pub(crate) mod source;
