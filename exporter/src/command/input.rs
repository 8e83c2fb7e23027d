//! What every action takes: a metrics directory, and what to show of it.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use ictus::surface::View;

use crate::{guests::Guests, source::Source, terminal::tell};

#[derive(Args, Debug)]
pub(super) struct Input {
    /// The metrics directory that the workers record into
    #[arg(value_name = "DIR")]
    pub(super) directory: PathBuf,
    /// The surfaces to show: legacy, documented, or canonical alone
    #[arg(long, value_name = "NAMES", env = "ICTUS_SURFACES", default_value = "legacy,documented")]
    surface: View,
}

impl Input {
    /// The source, for an action that goes on: workers may start later.
    pub(super) fn awaited(&self) -> Source {
        if !self.directory.is_dir() {
            tell(&format_args!("{} does not exist yet; waiting for workers", self.directory.display()));
        }
        let guests = Guests::of(&self.directory);
        guests.look();
        let adds_nothing = move || {
            guests.look();
            None
        };
        self.source().with_extra(Arc::new(adds_nothing))
    }

    pub(super) fn source(&self) -> Source {
        Source::new(&self.directory).with_view(self.surface.clone())
    }
}
