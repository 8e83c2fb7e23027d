//! Names with characters that older Prometheus formats do not allow: quoted for clients that accept
//! UTF-8, otherwise escaped with underscores.

use std::{borrow::Cow, collections::BTreeSet};

use super::{
    exposition::{Exposition, ShownFamily},
    labels::{Column, Labels},
    line_prefixes::LinePrefixes,
    shown_series::ShownSeries,
    user_families::RESERVED,
};
use crate::{
    log_once,
    plain_name::{OF_LABELS, OF_METRICS, escaped, is_plain},
};

impl ShownFamily {
    /// Returns whether the name is written without quotes.
    pub(crate) fn has_plain_name(&self) -> bool {
        is_plain(&self.name, OF_METRICS)
    }

    /// Returns the unit with which the name ends, as the unit of OpenMetrics must be.
    pub(crate) fn unit(&self) -> Option<&'static str> {
        let is_end = |unit: &&str| self.name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'));
        ["seconds", "bytes"].into_iter().find(is_end)
    }

    /// Returns the family with escaped names. A series is omitted if escaping makes two of its
    /// label names equal, or its labels equal to those of another series. Omitted series are logged
    /// once and counted.
    pub(super) fn with_escaped_names(&self) -> Cow<'_, ShownFamily> {
        let mut labels = self.series.iter().flat_map(|series| series.labels.iter());
        if is_plain(&self.name, OF_METRICS) && labels.all(|(name, _)| is_plain(name, OF_LABELS)) {
            return Cow::Borrowed(self);
        }
        let (mut all, mut series) = (BTreeSet::new(), Vec::new());
        for one in &self.series {
            let pairs = one.labels.iter().map(|(name, value)| (escaped(name, OF_LABELS).into_owned(), value));
            let mut pairs: Vec<_> = pairs.collect();
            pairs.sort_unstable();
            match sorted(pairs.clone().into_iter()) {
                Ok(labels) if all.insert(pairs) => {
                    series.push(ShownSeries { labels, value: one.value.clone() });
                }
                Ok(_) => {
                    log_once::warn_skipped(&self.name, "another series has its labels, once they are escaped")
                }
                Err(why) => log_once::warn_skipped(&self.name, why),
            }
        }
        let left_out = (self.series.len() - series.len()) as u64;
        let mut family = self.with_series(escaped(&self.name, OF_METRICS).into_owned(), series);
        family.left_out += left_out;
        Cow::Owned(family)
    }

    /// Returns the family with another name and other series.
    fn with_series(&self, name: String, series: Vec<ShownSeries>) -> ShownFamily {
        let mut heads = LinePrefixes::default();
        heads.set(&name, &series);
        ShownFamily {
            name,
            help: self.help.clone(),
            shown_type: self.shown_type,
            series,
            heads,
            left_out: self.left_out,
        }
    }
}

impl Exposition {
    /// Returns a copy with `labels` added to every series that does not have a label of the same
    /// name.
    ///
    /// ```
    /// # let registry = ictus::Registry::new();
    /// registry.gauge("level", "", &["zone"])?.labels(&["a"])?.set(1.0);
    /// let exposition = ictus::surface::Exposition::new(&registry.snapshot()?, &Default::default());
    /// let labels = [("app".to_owned(), "shop".to_owned()), ("zone".to_owned(), "b".to_owned())];
    /// let text = ictus::expose::text(&exposition.with_labels(&labels));
    /// assert!(text.contains("\nlevel{app=\"shop\",zone=\"a\"} 1.0\n"), "{text}");
    /// # Ok::<(), ictus::Error>(())
    /// ```
    #[must_use]
    pub fn with_labels(&self, labels: &[(String, String)]) -> Exposition {
        let families = self.families().map(|family| {
            let series = family.series.iter().map(|series| {
                let own: Vec<_> =
                    series.labels.iter().map(|(name, value)| (name.to_owned(), value)).collect();
                let added = labels.iter().filter(|(name, _)| own.iter().all(|(own, _)| own != name));
                let added: Vec<_> = added.map(|(name, value)| (name.clone(), value.as_str())).collect();
                let labels = sorted(own.into_iter().chain(added)).unwrap_or_else(|_| series.labels.clone());
                ShownSeries { labels, value: series.value.clone() }
            });
            family.with_series(family.name.clone(), series.collect())
        });
        let families: Vec<_> = families.collect();
        Exposition {
            order: (0..families.len()).collect(),
            families,
            left_out: self.left_out,
            utf8_names: self.utf8_names,
        }
    }
}

/// Creates labels from names and values in any order.
fn sorted<'a>(pairs: impl Iterator<Item = (String, &'a str)>) -> Result<Labels, &'static str> {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    if pairs.iter().any(|(name, _)| name.starts_with(RESERVED)) {
        return Err("a label's name starts with __, once it is escaped");
    }
    if pairs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err("two of its labels have one name, once they are escaped");
    }
    Ok(of_sorted(pairs.into_iter().map(|(name, value)| (name, value.to_owned()))))
}

/// Creates labels from names and values that are sorted by name.
pub(super) fn of_sorted(pairs: impl Iterator<Item = (String, String)>) -> Labels {
    let (names, values): (Vec<_>, Vec<_>) = pairs.unzip();
    let columns = names.into_iter().enumerate();
    let columns = columns.map(|(at, name)| Column { name: name.into(), at, absent: None }).collect();
    Labels::new(&columns, &values.into())
}
