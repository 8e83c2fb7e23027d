//! The slot of one name in an exposition, and its cached mapping between two snapshots.

use std::ops::Range;

use super::{
    exposition::{Exposition, ShownFamily},
    family_template::{BoundText, FamilyTemplate},
    labels::Column,
    line_prefixes::LinePrefixes,
    series_mapping::SeriesMapping,
};
use crate::snapshot::Family;

#[derive(Debug)]
pub(super) struct FamilySlot {
    form: FamilyTemplate,
    /// The indices of the slot's families in the exposition.
    families: Range<usize>,
    layout: Option<SeriesMapping>,
    bounds: BoundText,
}

impl FamilySlot {
    /// Adds families of that name to the exposition, without series.
    pub(super) fn new(
        form: FamilyTemplate,
        name: &str,
        help: &str,
        exposition: &mut Exposition,
    ) -> FamilySlot {
        let start = exposition.families.len();
        exposition.families.extend(form.iter().map(|part| ShownFamily {
            name: [name, part.suffix].concat(),
            help: [help, part.note].concat(),
            shown_type: part.shown_type,
            series: Vec::new(),
            heads: LinePrefixes::default(),
            left_out: 0,
        }));
        let families = start..exposition.families.len();
        FamilySlot { form, families, layout: None, bounds: BoundText::default() }
    }

    /// Shows the families of a name. Calls `columns` only if their series have changed; families
    /// for which `columns` returns none are omitted.
    pub(super) fn show(
        &mut self,
        families: &[Family],
        exposition: &mut Exposition,
        columns: impl FnMut(&Family) -> Option<Vec<Column>>,
    ) {
        let fitting = self.layout.take().filter(|layout| layout.matches(families));
        let layout =
            fitting.unwrap_or_else(|| SeriesMapping::new(families, families.iter().map(columns).collect()));
        for (part, shown) in self.form.iter().zip(&mut exposition.families[self.families.clone()]) {
            part.show(&layout, families, &mut self.bounds, shown);
        }
        self.layout = Some(layout);
    }

    /// Removes all series from the slot's families, and drops the cached mapping.
    pub(super) fn clear(&mut self, exposition: &mut Exposition) {
        self.layout = None;
        for shown in &mut exposition.families[self.families.clone()] {
            (shown.series, shown.heads) = Default::default();
        }
    }
}
