//! Writes the lines that the text formats share: comments and samples.

use super::{escape, number};
use crate::{
    snapshot::Exemplar,
    surface::{Exposition, ShownFamily},
};

/// Lengths: of a number with 17 digits and an exponent, and of a family's two comments without names
/// and help text. What is longer makes the buffer grow.
const MAX_NUMBER_LEN: usize = 24;
const COMMENT_PREFIXES: usize = 48;

/// Appends lines to a buffer, which a caller that renders again and again can keep.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    out: &'a mut String,
}

impl<'a> Writer<'a> {
    /// A writer for an exposition, with room for all of it.
    pub(super) fn new(out: &'a mut String, exposition: &Exposition) -> Writer<'a> {
        let length = |family: &ShownFamily| {
            let comments = COMMENT_PREFIXES + 2 * family.name.len() + family.help.len();
            comments + family.heads.length_with(MAX_NUMBER_LEN)
        };
        out.reserve(exposition.families().map(length).sum());
        Writer { out }
    }

    /// `# HELP name help`, the help text escaped as the format has it.
    pub(super) fn help(&mut self, family: &ShownFamily, suffix: &str, escape: fn(&mut String, &str)) {
        self.comment("# HELP ", family, suffix);
        escape(self.out, &family.help);
        self.out.push('\n');
    }

    /// `# TYPE name type`.
    pub(super) fn type_line(&mut self, family: &ShownFamily, suffix: &str) {
        self.comment("# TYPE ", family, suffix);
        self.out.push_str(family.shown_type.as_str());
        self.out.push('\n');
    }

    /// A line a sample: `name{label="value",…} number`.
    pub(super) fn samples(&mut self, family: &ShownFamily) {
        // A head starts with the line feed of the line before it.
        self.out.pop();
        let mut heads = family.heads.iter();
        family.numbers().for_each(|number| {
            self.out.push_str(heads.next().unwrap_or_default());
            number::push(self.out, number);
        });
        self.out.push('\n');
    }

    /// The same, with exemplars behind the numbers: `name{label="value",…} number # {trace_id="id"} value time`.
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
