//! Writes the comments and samples that both text formats share.

use crate::{
    literals::{escape, number},
    snapshot::Exemplar,
    surface::{Exposition, ShownFamily},
};

/// Estimated lengths: of a number with 17 digits and an exponent, and of the three comments of a
/// family without names and help text. Longer text makes the buffer grow.
const MAX_NUMBER_LEN: usize = 24;
const COMMENT_PREFIXES: usize = 64;

/// Appends lines to a buffer that the caller can reuse.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    out: &'a mut String,
}

impl<'a> Writer<'a> {
    /// Creates a writer, and reserves memory for the whole exposition.
    pub(super) fn new(out: &'a mut String, exposition: &Exposition) -> Writer<'a> {
        let length = |family: &ShownFamily| {
            let comments = COMMENT_PREFIXES + 3 * family.name.len() + family.help.len();
            comments + family.heads.length_with(MAX_NUMBER_LEN)
        };
        out.reserve(exposition.families().map(length).sum());
        Writer { out }
    }

    /// Appends `# HELP name help`, with the help text escaped by `escape`.
    pub(super) fn help(&mut self, family: &ShownFamily, suffix: &str, escape: fn(&mut String, &str)) {
        self.comment("# HELP ", family, suffix);
        escape(self.out, &family.help);
        self.out.push('\n');
    }

    /// Appends `# TYPE name type`.
    pub(super) fn type_line(&mut self, family: &ShownFamily, suffix: &str) {
        self.comment("# TYPE ", family, suffix);
        self.out.push_str(family.shown_type.as_str());
        self.out.push('\n');
    }

    /// Appends `# UNIT name unit`, if the family has a unit.
    pub(super) fn unit_line(&mut self, family: &ShownFamily) {
        if let Some(unit) = family.unit() {
            self.comment("# UNIT ", family, "");
            self.out.push_str(unit);
            self.out.push('\n');
        }
    }

    /// Appends one line per sample: `name{label="value",…} number`.
    pub(super) fn samples(&mut self, family: &ShownFamily) {
        // Each prefix starts with the line feed of the previous line.
        self.out.pop();
        let mut heads = family.heads.iter();
        family.numbers().for_each(|number| {
            self.out.push_str(heads.next().unwrap_or_default());
            number::push(self.out, number);
        });
        self.out.push('\n');
    }

    /// Appends one line per sample, with exemplars after the numbers:
    /// `name{label="value",…} number # {trace_id="id"} value time`.
    pub(super) fn samples_with_exemplars(&mut self, family: &ShownFamily) {
        self.out.pop();
        for (head, sample) in family.heads.iter().zip(family.samples()) {
            self.out.push_str(head);
            number::push(self.out, sample.value);
            if let Some(exemplar) = sample.exemplar {
                self.exemplar(exemplar);
            }
        }
        self.out.push('\n');
    }

    fn exemplar(&mut self, Exemplar { value, time, trace_id }: &Exemplar) {
        self.out.push_str(" # {trace_id=\"");
        escape::value(self.out, trace_id);
        self.out.push_str("\"} ");
        number::push(self.out, *value);
        self.out.push(' ');
        number::push_seconds(self.out, *time);
    }

    fn comment(&mut self, keyword: &str, family: &ShownFamily, suffix: &str) {
        if family.has_plain_name() {
            self.out.extend([keyword, &family.name, suffix, " "]);
        } else {
            self.out.extend([keyword, "\""]);
            escape::value(self.out, &family.name);
            self.out.extend([suffix, "\" "]);
        }
    }
}
