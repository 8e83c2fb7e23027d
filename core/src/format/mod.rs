//! The byte format of a segment: header, blocks, lanes, chunks and descriptors, in lines of 64
//! bytes.
//!
//! Recording and reading share only this module. Neither depends on the other.

pub(crate) mod anchors;
pub(crate) mod budget;
pub(crate) mod codec;
pub(crate) mod descriptor;
pub(crate) mod error;
pub(crate) mod header;
pub(crate) mod layout;
pub(crate) mod limits;
pub(crate) mod line_allocator;
pub(crate) mod line_index;
pub(crate) mod series_word;
pub(crate) mod shown_size;
pub(crate) mod source;
pub(crate) mod stream;
pub(crate) mod totals_head;
