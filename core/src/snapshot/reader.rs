//! Reads every segment of a metrics directory into one [`Snapshot`].

use std::{
    collections::HashMap,
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Snapshot, collect::Collector};
use crate::{
    error::{Error, Result},
    segment::{
        directory::{self, Directory},
        reader::{Bad, SegmentReader},
        source::Words,
        writer::Segment,
    },
};

/// Reads a metrics directory, again and again: keeps what has not changed since the last reading.
#[derive(Debug)]
pub struct Reader {
    directory: Option<PathBuf>,
    own: Option<Own>,
    files: HashMap<u64, SegmentReader<File>>,
    /// Segments that were found bad, so that each is named in the log once.
    bad: HashMap<u64, String>,
}

/// Gives the segment of this process that no file holds, if there is one.
struct Own(Box<dyn Fn() -> Option<Arc<Segment>> + Send>);

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

impl Reader {
    /// A reader of a metrics directory, which need not exist yet: workers may start later.
    #[must_use]
    pub fn new(directory: impl AsRef<Path>) -> Reader {
        Reader {
            directory: Some(directory.as_ref().to_owned()),
            own: None,
            files: HashMap::new(),
            bad: HashMap::new(),
        }
    }

    /// A reader of a directory and of what this process records in memory alone.
    pub(crate) fn with_memory(
        directory: Option<PathBuf>,
        memory: impl Fn() -> Option<Arc<Segment>> + Send + 'static,
    ) -> Reader {
        Reader { directory, own: Some(Own(Box::new(memory))), files: HashMap::new(), bad: HashMap::new() }
    }

    /// The directory it reads, if it reads one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// What all segments say now. Bad segments are skipped, and named in the log once.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the directory exists and cannot be listed.
    pub fn snapshot(&mut self) -> Result<Snapshot> {
        let mut collector = Collector::default();
        if let Some(path) = &self.directory {
            let directory = Directory::of(path);
            let mut ids = directory.segments().map_err(|error| Error::io(directory.path(), "list", error))?;
            // The order of segments breaks ties between equal stamps.
            ids.sort_unstable();
            self.files.retain(|id, _| ids.binary_search(id).is_ok());
            self.bad.retain(|id, _| ids.binary_search(id).is_ok());
            for id in ids {
                self.read_file(&directory, id, &mut collector);
            }
        }
        if let Some(segment) = self.own.as_ref().and_then(|own| own.0()) {
            let id = segment.id;
            match SegmentReader::open(segment, id)
                .and_then(|mut reader| read(&mut reader, true, &mut collector))
            {
                Ok(()) => {}
                Err(bad) => log::error!("this process's own segment is not shown: {bad}"),
            }
        }
        Ok(collector.finish())
    }

    fn read_file(&mut self, directory: &Directory, id: u64, collector: &mut Collector) {
        let result = match self.files.entry(id) {
            std::collections::hash_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::hash_map::Entry::Vacant(entry) => directory
                .open_segment(id)
                .map_err(Bad::from)
                .and_then(|file| SegmentReader::open(file, id))
                .map(|reader| entry.insert(reader)),
        };
        let result = result.and_then(|reader| {
            let lives = directory::owner_lives(reader.source());
            read(reader, lives, collector)
        });
        let Err(bad) = result else {
            self.bad.remove(&id);
            return;
        };
        let reason = bad.to_string();
        if self.bad.get(&id) != Some(&reason) {
            log::warn!("{} is left out: {reason}", directory.segment_path(id).display());
            self.bad.insert(id, reason);
        }
    }
}

fn read<W: Words>(
    reader: &mut SegmentReader<W>,
    lives: bool,
    collector: &mut Collector,
) -> std::result::Result<(), Bad> {
    let lanes = reader.lanes()?;
    collector.segment(reader, &lanes, lives)
}
