//! The label values of a series, owned by it or borrowed for a lookup.

use std::hash::{Hash, Hasher};

use hashbrown::Equivalent;

/// Label values, in the order of the family's label names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LabelValues(Box<[Box<str>]>);

/// Borrowed label values, for a lookup that does not allocate.
pub(crate) struct LabelQuery<'a>(pub(crate) &'a [&'a str]);

impl Hash for LabelValues {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|value| hash_value(value, state));
    }
}

impl Hash for LabelQuery<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|value| hash_value(value, state));
    }
}

/// Hashes the bytes only. `str` hashes a byte more, to separate a value from the next, but foldhash
/// separates them by their lengths.
fn hash_value(value: &str, state: &mut impl Hasher) {
    state.write(value.as_bytes());
}

impl Equivalent<LabelValues> for LabelQuery<'_> {
    fn equivalent(&self, values: &LabelValues) -> bool {
        self.0.iter().copied().eq(values.0.iter().map(|value| &**value))
    }
}

impl From<&LabelQuery<'_>> for LabelValues {
    fn from(requested: &LabelQuery<'_>) -> LabelValues {
        LabelValues(requested.0.iter().map(|&value| value.into()).collect())
    }
}

impl LabelValues {
    pub(super) fn as_slice(&self) -> &[Box<str>] {
        &self.0
    }

    /// Returns the values as a caller would pass them.
    pub(super) fn as_strs(&self) -> Vec<&str> {
        self.0.iter().map(|value| &**value).collect()
    }
}
