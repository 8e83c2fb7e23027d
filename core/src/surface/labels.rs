//! The labels of a shown series, and the recorded label values that they refer to.

use std::{borrow::Cow, fmt, sync::Arc};

/// A shown label, and the index of its value among the recorded label values.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: Cow<'static, str>,
    pub(super) at: usize,
    /// The index of a recorded label whose value `"1"` marks a missing value, and the text shown
    /// instead.
    pub(super) absent: Option<(usize, &'static str)>,
}

impl Column {
    /// Returns the value of the label, or none if there are too few recorded values.
    pub(super) fn value<'a>(&self, recorded: &'a [String]) -> Option<&'a str> {
        match self.absent {
            Some((flag, instead)) if recorded.get(flag)? == "1" => Some(instead),
            _ => recorded.get(self.at).map(String::as_str),
        }
    }
}

/// Label names and values of a shown series, sorted by name. Clones are cheap: they share the
/// values of the snapshot.
///
/// ```
/// use ictus::{Registry, surface::{Exposition, View}};
///
/// let registry = Registry::new();
/// registry.counter("hits", "", &["route", "method"])?.labels(&["/", "GET"])?.inc();
/// let exposition = Exposition::new(&registry.snapshot()?, &View::default());
/// let labels = exposition.family("hits").expect("it has a series").series[0].labels.clone();
/// assert_eq!(labels.iter().collect::<Vec<_>>(), [("method", "GET"), ("route", "/")]);
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone)]
pub struct Labels {
    columns: Arc<[Column]>,
    recorded: Arc<[String]>,
}

impl Labels {
    /// Creates labels from columns, which must be sorted by name, and recorded values.
    pub(super) fn new(columns: &Arc<[Column]>, recorded: &Arc<[String]>) -> Labels {
        Labels { columns: columns.clone(), recorded: recorded.clone() }
    }

    /// Returns names and values, sorted by name and unescaped.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.of(&self.columns)
    }

    /// Returns the labels whose names sort before `name`, and those whose names sort after it.
    pub(super) fn split_at(
        &self,
        name: &str,
    ) -> (impl Iterator<Item = (&str, &str)>, impl Iterator<Item = (&str, &str)>) {
        let (first, after) =
            self.columns.split_at(self.columns.partition_point(|column| *column.name < *name));
        (self.of(first), self.of(after))
    }

    fn of<'a>(&'a self, columns: &'a [Column]) -> impl Iterator<Item = (&'a str, &'a str)> {
        columns.iter().filter_map(|column| Some((&*column.name, column.value(&self.recorded)?)))
    }

    /// Returns whether both are clones of the same labels.
    pub(super) fn equals(&self, other: &Labels) -> bool {
        Arc::ptr_eq(&self.recorded, &other.recorded) && Arc::ptr_eq(&self.columns, &other.columns)
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
