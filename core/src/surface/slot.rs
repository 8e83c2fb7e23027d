//! The place in an exposition of the recorded families of one name, and what is kept of it between two snapshots.

use std::ops::Range;

use super::{
    exposition::{Exposition, ShownFamily},
    family_template::{Bounds, Form},
    labels::Column,
    line_prefixes::Heads,
    series_mapping::Layout,
};
use crate::snapshot::Family;

#[derive(Debug)]
pub(super) struct Slot {
    form: Form,
    /// Where its families stand in the exposition.
    families: Range<usize>,
    layout: Option<Layout>,
    bounds: Bounds,
}

impl Slot {
    /// Adds families of that name to the exposition, without series.
    pub(super) fn new(form: Form, name: &str, help: &str, exposition: &mut Exposition) -> Slot {
        let start = exposition.families.len();
        exposition.families.extend(form.iter().map(|part| ShownFamily {
            name: [name, part.suffix].concat(),
            help: [help, part.note].concat(),
            shown_type: part.shown_type,
            series: Vec::new(),
            heads: Heads::default(),
            left_out: 0,
        }));
        let families = start..exposition.families.len();
        Slot { form, families, layout: None, bounds: Bounds::default() }
    }

    /// Shows the families of a name. `columns` is called where their series have changed; families for which
    /// it returns none are left out.
    pub(super) fn show(
        &mut self,
        families: &[Family],
        exposition: &mut Exposition,
        columns: impl FnMut(&Family) -> Option<Vec<Column>>,
    ) {
        let fitting = self.layout.take().filter(|layout| layout.fits(families));
        let layout = fitting.unwrap_or_else(|| Layout::new(families, families.iter().map(columns).collect()));
        for (part, shown) in self.form.iter().zip(&mut exposition.families[self.families.clone()]) {
            part.show(&layout, families, &mut self.bounds, shown);
        }
        self.layout = Some(layout);
    }

    /// Shows nothing, and keeps nothing.
    pub(super) fn clear(&mut self, exposition: &mut Exposition) {
        self.layout = None;
        for shown in &mut exposition.families[self.families.clone()] {
            (shown.series, shown.heads) = Default::default();
        }
    }
}
