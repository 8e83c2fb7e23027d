//! One recorded family's place in an exposition, and what is kept of it between two snapshots.

use std::ops::Range;

use super::{
    exposition::{Exposition, ShownFamily},
    heads::Heads,
    labels::Column,
    layout::Layout,
    shape::{Bounds, Form},
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

    /// Shows the family. Says whether it has columns, which are asked for where its series have
    /// changed; without them nothing is shown.
    pub(super) fn show(
        &mut self,
        family: &Family,
        exposition: &mut Exposition,
        columns: impl FnOnce() -> Option<Vec<Column>>,
    ) -> bool {
        let layout = match self.layout.take().filter(|layout| layout.fits(family)) {
            Some(layout) => layout,
            None => match columns() {
                Some(columns) => Layout::new(family, columns),
                None => {
                    self.clear(exposition);
                    return false;
                }
            },
        };
        for (part, shown) in self.form.iter().zip(&mut exposition.families[self.families.clone()]) {
            part.show(&layout, family, &mut self.bounds, shown);
        }
        self.layout = Some(layout);
        true
    }

    /// Shows nothing, and keeps nothing.
    pub(super) fn clear(&mut self, exposition: &mut Exposition) {
        self.layout = None;
        for shown in &mut exposition.families[self.families.clone()] {
            (shown.series, shown.heads) = Default::default();
        }
    }
}
