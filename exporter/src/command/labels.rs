//! Labels from the command line, as `--label NAME=VALUE`.

use clap::Args;

/// Labels to add to every series.
#[derive(Args, Debug, Default)]
pub(super) struct LabelArgs {
    /// A label for every series that has none of that name; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_name)]
    labels: Vec<(String, String)>,
}

impl LabelArgs {
    /// Returns the labels, or an error if a name is given twice.
    pub(super) fn checked(self) -> Result<Vec<(String, String)>, String> {
        match repeated(&self.labels) {
            Some(refusal) => Err(refusal),
            None => Ok(self.labels),
        }
    }
}

/// Returns the error for a label that is given twice.
pub(super) fn repeated(labels: &[(String, String)]) -> Option<String> {
    let is_repeated = |at: usize| labels[..at].iter().any(|(name, _)| *name == labels[at].0);
    let at = (0..labels.len()).find(|&at| is_repeated(at))?;
    Some(format!("--label {} is given twice: give each label once", labels[at].0))
}

/// A pair whose name may be anything, as an attribute of OTLP may.
pub(super) fn parse(given: &str) -> Result<(String, String), String> {
    let pair = given.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "give NAME=VALUE".to_owned())
}

/// A pair whose name is that of a label in a sample.
fn parse_name(given: &str) -> Result<(String, String), String> {
    let (name, value) = parse(given)?;
    let starts_well = !name.starts_with(|c: char| c.is_ascii_digit()) && !name.starts_with("__");
    if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(
            "a label's name has letters, digits and _, and starts with neither a digit nor __".to_owned()
        );
    }
    if ["le", "quantile"].contains(&name.as_str()) {
        return Err("the name is reserved for buckets and quantiles; give another name".to_owned());
    }
    Ok((name, value))
}
