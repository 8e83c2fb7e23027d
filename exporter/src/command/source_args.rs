//! Arguments of all actions: the metrics directory, and the view to show.

use std::{path::PathBuf, sync::Arc};

use clap::{
    Args,
    builder::{PathBufValueParser, TypedValueParser},
};
use ictus::{Reader, surface::View};

use super::Merge;
use crate::{
    directory::Unusable,
    prometheus_client_files::{self, UnmergedMetrics},
    source::{Extra, Source},
    terminal::eprint,
};

#[derive(Args, Debug)]
pub(super) struct SourceArgs {
    /// The metrics directory that the workers record into
    #[arg(value_name = "DIR", env = "ICTUS_DIRECTORY", value_parser = directory())]
    pub(super) directory: PathBuf,
    /// The surfaces to show: legacy, documented, or canonical alone
    #[arg(long, value_name = "NAMES", env = "ICTUS_SURFACES", default_value = "legacy,documented")]
    surface: View,
    /// Leave the ictus_* families out, the state of Ictus itself
    #[arg(long)]
    no_health: bool,
}

/// Parses a metrics directory, and refuses a path that names no directory.
pub(super) fn directory() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| Reader::open(&path).map(|_| path))
}

/// Parses a file, and refuses a path that only a shell would expand: services and containers have none.
pub(super) fn file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.as_os_str().as_encoded_bytes().first() {
        Some(b'~') => Err(UNEXPANDED),
        _ => Ok(path),
    })
}

const UNEXPANDED: &str =
    "it begins with `~`, which only a shell expands; give the whole path, or `./~` for a file of that name";

impl SourceArgs {
    /// The source, for an action that goes on: workers may start later.
    pub(super) fn source_when_ready(&self, merge: Option<&Merge>, labels: Vec<(String, String)>) -> Source {
        match Unusable::examine(&self.directory) {
            None => {}
            Some(why) if why.is_missing() => {
                eprint(&format_args!("{} does not exist yet; waiting for workers", self.directory.display()));
            }
            Some(why) => eprint(&why),
        }
        let source = self.source(merge);
        let mut view = source.view().clone();
        view.labels = labels;
        source.with_view(view)
    }

    /// Returns whether the directory can be read, and prints why not: for an action that prints once, where
    /// waiting for workers would look like having none.
    pub(super) fn is_readable(&self) -> bool {
        let why = Unusable::examine(&self.directory);
        why.iter().for_each(|why| eprint(why));
        why.is_none()
    }

    /// Returns the surfaces to show.
    pub(super) fn view(&self) -> &View {
        &self.surface
    }

    /// The source, with what others recorded where that can be merged. Where it cannot, it is said.
    pub(super) fn source(&self, merge: Option<&Merge>) -> Source {
        let mut view = self.surface.clone();
        view.own_state = !self.no_health;
        let source = Source::new(&self.directory).with_view(view);
        let extra: Extra = if let Some(merge) = merge.cloned() {
            let directory = self.directory.clone();
            Arc::new(move || merge(&directory))
        } else {
            let unmerged = UnmergedMetrics::new(&self.directory, prometheus_client_files::ONLY_PYTHON);
            unmerged.poll();
            Arc::new(move || {
                unmerged.poll();
                Arc::default()
            })
        };
        source.with_extra(extra)
    }
}
