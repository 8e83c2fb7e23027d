//! From a metrics directory to the bytes of an exposition.
//!
//! Stands between the core and the sinks. Sinks ask at the same time and as often as they like:
//! those that ask while a snapshot is being taken share the next one.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use hyper::body::Bytes;
use ictus::{
    Reader, Snapshot, expose,
    surface::{Exposition, Surface, View},
};

use crate::error::Result;

/// Views kept rendered at a time: clients may ask for any combination, and memory stays bounded.
const MOST_RENDERED: usize = 8;

/// Yields the text of families that Ictus did not record, to be appended to every exposition.
pub type Extra = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Where a sink gets its exposition from; clones share everything but their view.
#[derive(Clone)]
pub struct Source {
    shared: Arc<Shared>,
    view: View,
    directory: Option<PathBuf>,
}

struct Shared {
    /// How many snapshots have been started. Raised under the lock, read without it.
    started: AtomicU64,
    state: Mutex<State>,
}

struct State {
    origin: Origin,
    extra: Option<Extra>,
    /// The number of the snapshot that `origin`, `foreign` and `rendered` hold.
    taken: u64,
    foreign: Option<String>,
    rendered: Vec<(View, Bytes)>,
}

enum Origin {
    Directory { reader: Reader, snapshot: Snapshot },
    Function(Box<dyn Fn(&View) -> String + Send>),
}

impl Source {
    /// The exposition of a metrics directory, which need not exist yet: workers may start later.
    #[must_use]
    pub fn new(directory: impl AsRef<Path>) -> Source {
        let reader = Reader::new(directory.as_ref());
        let mut source = Source::from_origin(Origin::Directory { reader, snapshot: Snapshot::default() });
        source.directory = Some(directory.as_ref().to_owned());
        source
    }

    /// The exposition that a function writes.
    #[must_use]
    pub fn from_fn(write: impl Fn(&View) -> String + Send + 'static) -> Source {
        Source::from_origin(Origin::Function(Box::new(write)))
    }

    fn from_origin(origin: Origin) -> Source {
        let state = State { origin, extra: None, taken: 0, foreign: None, rendered: Vec::new() };
        let shared = Arc::new(Shared { started: AtomicU64::new(0), state: Mutex::new(state) });
        Source { shared, view: View::default(), directory: None }
    }

    /// This source showing another view where a sink's client asks for none.
    #[must_use]
    pub fn with_view(mut self, view: View) -> Source {
        self.view = view;
        self
    }

    /// This source and all its clones with a hook that yields more families, each line of it in the
    /// text format and no name in it one of ours. It is called once a snapshot, while other sinks
    /// wait: whoever asks for text must hold no lock that the hook takes.
    #[must_use]
    pub fn with_extra(self, extra: Extra) -> Source {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).extra = Some(extra);
        self
    }

    /// The view shown where a client asks for none.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The metrics directory, where the source has one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The text exposition under that view, with everything that was recorded before this call.
    ///
    /// # Errors
    ///
    /// [`Error::Read`](crate::Error::Read) where the metrics directory cannot be read.
    pub fn text(&self, view: &View) -> Result<Bytes> {
        // Only a snapshot that starts after this line is sure to show what was recorded before it.
        // One that is running now is not: those who wait for its end take the next, together.
        let before = self.shared.started.load(Ordering::SeqCst);
        // A panic in a hook leaves nothing half done: `taken` moves last.
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.taken <= before {
            let number = self.shared.started.fetch_add(1, Ordering::SeqCst) + 1;
            state.take()?;
            state.taken = number;
        }
        Ok(state.render(view))
    }
}

impl State {
    fn take(&mut self) -> Result<()> {
        self.rendered.clear();
        if let Origin::Directory { reader, snapshot } = &mut self.origin {
            *snapshot = reader.snapshot()?;
        }
        self.foreign = self.extra.as_ref().and_then(|extra| extra());
        Ok(())
    }

    fn render(&mut self, view: &View) -> Bytes {
        if let Some((_, text)) = self.rendered.iter().find(|(rendered, _)| rendered == view) {
            return text.clone();
        }
        let mut text = match &self.origin {
            Origin::Directory { snapshot, .. } => expose::text(&Exposition::new(snapshot, view)),
            Origin::Function(write) => write(view),
        };
        if let Some(foreign) = self.foreign.as_deref().filter(|foreign| !foreign.is_empty()) {
            text.push_str(foreign);
            if !foreign.ends_with('\n') {
                text.push('\n');
            }
        }
        let text = Bytes::from(text);
        if self.rendered.len() < MOST_RENDERED {
            self.rendered.push((view.clone(), text.clone()));
        }
        text
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("directory", &self.directory)
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

/// The view of surfaces named with commas between them.
///
/// # Errors
///
/// [`Unknown`](ictus::Error::Unknown) for a name that is none, and
/// [`SurfaceConflict`](ictus::Error::SurfaceConflict) for surfaces that cannot be shown together.
pub fn parse_view(names: &str) -> ictus::Result<View> {
    let mut surfaces = Vec::new();
    for name in names.split(',').map(str::trim) {
        surfaces.push(match name {
            "legacy" => Surface::Legacy,
            "documented" => Surface::Documented,
            "canonical" => Surface::Canonical,
            _ => {
                return Err(ictus::Error::Unknown {
                    what: "surface",
                    given: name.to_owned(),
                    known: "legacy, documented, canonical",
                });
            }
        });
    }
    if surfaces.contains(&Surface::Canonical) && surfaces.iter().any(|other| *other != Surface::Canonical) {
        return Err(ictus::Error::SurfaceConflict);
    }
    View::new(&surfaces)
}
