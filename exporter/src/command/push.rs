//! `ictus push`.

use clap::Args;

use super::{Merge, input::Input};
use crate::{error::Result, push::push};

#[derive(Args, Debug)]
pub(super) struct Push {
    #[command(flatten)]
    input: Input,
    /// The Pushgateway
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9091")]
    gateway: String,
    /// The job whose metrics these are
    #[arg(long, value_name = "NAME")]
    job: String,
    /// A label that tells this group from others of the job; may be given again
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
}

impl Push {
    pub(super) fn run(self, merge: Option<&Merge>) -> Result<i32> {
        push(&self.input.source(merge), &self.gateway, &self.job, &self.labels)?;
        Ok(0)
    }
}

fn label(given: &str) -> std::result::Result<(String, String), String> {
    let pair = given.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "give NAME=VALUE".to_owned())
}
