//! `ictus push`: sends the metrics to a Pushgateway or an OpenTelemetry Collector.

use std::{env, path::PathBuf};

use clap::Args;

use super::{
    Merge, USAGE_ERROR, labels,
    source_args::{SourceArgs, file},
};
#[cfg(feature = "otlp")]
use crate::push::push_otlp;
use crate::{
    error::{Error, Result},
    push::{Credentials, Destination, push},
    terminal::eprint,
};
#[cfg(feature = "otlp")]
use ictus::surface::{Surface, View};

#[derive(Args, Debug)]
pub(super) struct Push {
    #[command(flatten)]
    input: SourceArgs,
    /// The URL of the Pushgateway
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9091")]
    gateway: String,
    /// The URL of an OpenTelemetry Collector instead: OTLP over HTTP, with exponential histograms
    #[cfg(feature = "otlp")]
    #[arg(long, value_name = "URL", conflicts_with = "gateway")]
    otlp: Option<String>,
    /// The job label of the metrics; with OTLP, the name of the service
    #[arg(long, value_name = "NAME")]
    job: String,
    /// A label that distinguishes this group from others of the job (with OTLP, an attribute of the
    /// resource); may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = labels::parse)]
    labels: Vec<(String, String)>,
    /// Authenticate with this file, a line `bearer TOKEN` or `basic USER:PASSWORD`; without it, with the
    /// same text in ICTUS_PUSH_CREDENTIALS
    #[arg(long, value_name = "FILE", env = "ICTUS_PUSH_CREDENTIALS_FILE", value_parser = file())]
    credentials: Option<PathBuf>,
}

/// The variable with the credentials. It is no option, because process lists show arguments.
pub(super) const CREDENTIALS: &str = "ICTUS_PUSH_CREDENTIALS";

impl Push {
    pub(super) fn run(self, merge: Option<&Merge>) -> Result<i32> {
        if !self.input.is_readable() {
            return Ok(1);
        }
        if let Some(refusal) = labels::repeated(&self.labels) {
            eprint(&refusal);
            return Ok(USAGE_ERROR);
        }
        let source = self.input.source(merge);
        #[cfg(feature = "otlp")]
        if let Some(endpoint) = &self.otlp {
            // Only the canonical names are histograms.
            let source = source.with_view(View::new(&[Surface::Canonical])?);
            push_otlp(&source, &self.destination(endpoint)?, &self.job, &self.labels)?;
            return Ok(0);
        }
        push(&source, &self.destination(&self.gateway)?, &self.job, &self.labels)?;
        Ok(0)
    }

    fn destination(&self, address: &str) -> Result<Destination> {
        let destination = Destination::new(address);
        let credentials = match (&self.credentials, env::var(CREDENTIALS)) {
            (Some(path), _) => Credentials::read(path)?,
            (None, Ok(text)) => {
                let invalid = |error| Error::push(&destination, format!("{CREDENTIALS}: {error}"));
                text.parse::<Credentials>().map_err(invalid)?
            }
            (None, Err(env::VarError::NotPresent)) => return Ok(destination),
            (None, Err(env::VarError::NotUnicode(_))) => {
                return Err(Error::push(
                    &destination,
                    format!("{CREDENTIALS} is not UTF-8; set it to UTF-8"),
                ));
            }
        };
        Ok(destination.with_credentials(credentials))
    }
}
