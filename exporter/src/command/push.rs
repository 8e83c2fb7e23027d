//! `ictus push`.

use clap::Args;

use super::{Merge, input::Input};
#[cfg(feature = "otlp")]
use crate::push::push_otlp;
use crate::{error::Result, push::push};
#[cfg(feature = "otlp")]
use ictus::surface::{Surface, View};

#[derive(Args, Debug)]
pub(super) struct Push {
    #[command(flatten)]
    input: Input,
    /// The Pushgateway
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9091")]
    gateway: String,
    /// Instead to this OpenTelemetry Collector, as OTLP over HTTP with exponential histograms
    #[cfg(feature = "otlp")]
    #[arg(long, value_name = "URL", conflicts_with = "gateway")]
    otlp: Option<String>,
    /// The job whose metrics these are; to OTLP the service's name
    #[arg(long, value_name = "NAME")]
    job: String,
    /// A label that tells this group from others of the job (to OTLP an attribute of the resource); may be
    /// given again
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
}

impl Push {
    pub(super) fn run(self, merge: Option<&Merge>) -> Result<i32> {
        let source = self.input.source(merge);
        #[cfg(feature = "otlp")]
        if let Some(endpoint) = &self.otlp {
            // The only names that are histograms.
            let source = source.with_view(View::new(&[Surface::Canonical])?);
            push_otlp(&source, endpoint, &self.job, &self.labels)?;
            return Ok(0);
        }
        push(&source, &self.gateway, &self.job, &self.labels)?;
        Ok(0)
    }
}

fn label(given: &str) -> std::result::Result<(String, String), String> {
    let pair = given.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "give NAME=VALUE".to_owned())
}
