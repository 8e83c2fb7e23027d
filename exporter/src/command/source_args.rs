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
    /// The metrics directory in which the workers record
    #[arg(value_name = "DIR", env = "ICTUS_DIRECTORY", value_parser = directory())]
    pub(super) directory: PathBuf,
    /// The set of names to show: legacy, documented, or canonical alone
    #[arg(long, value_name = "NAMES", env = "ICTUS_SURFACES", default_value = "legacy,documented")]
    surface: View,
    /// Omit the ictus_* families, the state of Ictus itself
    #[arg(long)]
    no_health: bool,
}

/// Parses the path of a metrics directory. Rejects a path that no directory can have.
pub(super) fn directory() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| Reader::open(&path).map(|_| path))
}

/// Parses the path of a file. Rejects a path that only a shell would expand, because services and
/// containers have no shell.
pub(super) fn file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.as_os_str().as_encoded_bytes().first() {
        Some(b'~') => Err(UNEXPANDED),
        _ => Ok(path),
    })
}

const UNEXPANDED: &str =
    "it begins with `~`, which only a shell expands; give the whole path, or `./~` for a file of that name";

impl SourceArgs {
    /// Returns the source for an action that keeps running: workers may start later.
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

    /// Returns whether the directory can be read, and prints the reason if not. This is for actions that
    /// print once: they do not wait for workers.
    pub(super) fn is_readable(&self) -> bool {
        let why = Unusable::examine(&self.directory);
        why.iter().for_each(|why| eprint(why));
        why.is_none()
    }

    /// Returns the surfaces to show.
    pub(super) fn view(&self) -> &View {
        &self.surface
    }

    /// Returns the source with the families of `prometheus_client` if they can be merged. Otherwise logs
    /// that they are omitted.
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
