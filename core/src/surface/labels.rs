//! The labels of a shown series, and where their values were recorded.

use std::{borrow::Cow, fmt, sync::Arc};

/// A shown label, and where in the recorded label values its value stands.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: Cow<'static, str>,
    pub(super) at: usize,
    /// Where a `"1"` says that there is no value, and what is shown then.
    pub(super) absent: Option<(usize, &'static str)>,
}

impl Column {
    /// The label's value; none where the recorded values are too few.
    pub(super) fn value<'a>(&self, recorded: &'a [String]) -> Option<&'a str> {
        match self.absent {
            Some((flag, instead)) if recorded.get(flag)? == "1" => Some(instead),
            _ => recorded.get(self.at).map(String::as_str),
        }
    }
}

/// Label names and values of a shown series, sorted by name. Cheap to clone: the values are those
/// that the snapshot holds.
#[derive(Clone)]
pub struct Labels {
    columns: Arc<[Column]>,
    recorded: Arc<[String]>,
}

impl Labels {
    /// The labels that those columns, sorted by name, show of recorded values.
    pub(super) fn new(columns: &Arc<[Column]>, recorded: &Arc<[String]>) -> Labels {
        Labels { columns: columns.clone(), recorded: recorded.clone() }
    }

    /// Names and values, sorted by name, unescaped.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.of(&self.columns)
    }

    /// Those whose names come before a name, and those that come after it.
    pub(super) fn around(
        &self,
        name: &str,
    ) -> (impl Iterator<Item = (&str, &str)>, impl Iterator<Item = (&str, &str)>) {
        let (before, after) =
            self.columns.split_at(self.columns.partition_point(|column| *column.name < *name));
        (self.of(before), self.of(after))
    }

    fn of<'a>(&'a self, columns: &'a [Column]) -> impl Iterator<Item = (&'a str, &'a str)> {
        columns.iter().filter_map(|column| Some((&*column.name, column.value(&self.recorded)?)))
    }

    /// Whether these are clones of the same labels.
    pub(super) fn is(&self, other: &Labels) -> bool {
        Arc::ptr_eq(&self.recorded, &other.recorded) && Arc::ptr_eq(&self.columns, &other.columns)
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
