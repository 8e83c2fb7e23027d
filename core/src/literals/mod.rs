//! Numbers and strings as the text formats write them. Surfaces format the values of `le`, and
//! encoders the samples.

pub(crate) mod escape;
pub(crate) mod number;
