//! Detection of metrics that programs of the directory define with `prometheus_client`, whose files
//! are in the same directory.
//!
//! Only Python can merge these metrics. If they are omitted, the command prints a note once.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ictus::{multiprocess_files, printable, surface};

use crate::terminal::eprint;

/// Interval of the detection. Such metrics are rare, so that scrapes should not pay for it each
/// time.
const POLL_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum number of names in the note; an ellipsis replaces further ones.
const MAX_NAMED: usize = 3;
/// Maximum number of bytes read of a file. The first entries contain the names of its families.
const MAX_BYTES: usize = 1 << 20;
/// Size of the number of used bytes and of the padding after it.
const HEADER: usize = 8;
/// Size of a value and a timestamp.
const NUMBERS: usize = 16;

/// The reason if this is not the command of the Python wheel.
pub(crate) const ONLY_PYTHON: &str = "only Python can merge them; use the command of the Python wheel, with \
    prometheus_client installed, or the workers' own provider (MetricsSettings with http_port or file_name)";
/// The reason if the format only shows what Ictus recorded.
pub(crate) const NOT_RECORDED: &str =
    "this format has metrics of Ictus only; use text, OpenMetrics or protobuf";

/// Prints a note once, as soon as a directory contains such metrics.
#[derive(Debug)]
pub(crate) struct UnmergedMetrics {
    directory: PathBuf,
    why: &'static str,
    /// `None` after the note was printed.
    next_poll: Mutex<Option<Instant>>,
}

impl UnmergedMetrics {
    pub(crate) fn new(directory: &Path, why: &'static str) -> UnmergedMetrics {
        UnmergedMetrics { directory: directory.to_owned(), why, next_poll: Mutex::new(Some(Instant::now())) }
    }

    /// Examines the directory, unless it was examined within the interval.
    pub(crate) fn poll(&self) {
        let mut next_poll = self.next_poll.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if next_poll.is_none_or(|next| next > now) {
            return;
        }
        let names = names(&self.directory);
        *next_poll = names.is_empty().then_some(now + POLL_INTERVAL);
        if !names.is_empty() {
            eprint(&format_args!(
                "{} also has metrics that were defined with prometheus_client ({}): they are not shown, because {}",
                self.directory.display(),
                listed(&names),
                self.why
            ));
        }
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    let mut listed: Vec<String> =
        names.iter().take(MAX_NAMED).map(|name| printable(name).into_owned()).collect();
    if names.len() > MAX_NAMED {
        listed.push("…".to_owned());
    }
    listed.join(", ")
}

/// Returns families that are not Conductor's, but not all if there are many. The SDK's own collector
/// wrote the families under Conductor's names, which Ictus records now.
fn names(directory: &Path) -> BTreeSet<String> {
    let ictus_names = surface::shown_names();
    let is_guest =
        |name: &String| !ictus_names.contains(name) && !ictus_names.contains(&format!("{name}_total"));
    let mut user_names = BTreeSet::new();
    let Ok(files) = multiprocess_files(directory) else { return user_names };
    for file in files {
        let entries = file.bytes.get(HEADER..).unwrap_or_default();
        user_names.extend(families(&entries[..entries.len().min(MAX_BYTES)]).filter(is_guest));
        if user_names.len() > MAX_NAMED {
            break;
        }
    }
    user_names
}

/// Returns the names of the families, one for each series, until the bytes are not an entry. An
/// entry is the length of a key, the key, padding to eight bytes, a value and a timestamp. A key is
/// a list that begins with the family's name.
fn families(mut bytes: &[u8]) -> impl Iterator<Item = String> {
    std::iter::from_fn(move || {
        let length = number(bytes)? as usize;
        let rest = bytes.get(4..)?;
        let key: Vec<serde_json::Value> = serde_json::from_slice(rest.get(..length)?).ok()?;
        let filled = length + (8 - (length + 4) % 8);
        bytes = rest.get(filled + NUMBERS..)?;
        Some(key.first()?.as_str()?.to_owned())
    })
}

/// Parses a number in native byte order, which the writing program used.
fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path, time::Instant};

    use super::{UnmergedMetrics, families, listed, names};

    /// Returns a file as `prometheus_client` writes it, with one series for each name.
    fn file(names: &[&str]) -> Vec<u8> {
        let mut entries = Vec::new();
        for name in names {
            let key = format!(r#"["{name}", "{name}_total", {{"queue": "a"}}, "Its help."]"#);
            entries.extend((key.len() as u32).to_ne_bytes());
            entries.extend(key.as_bytes());
            entries.resize(entries.len() + 8 - (key.len() + 4) % 8, b' ');
            entries.extend([0; 16]);
        }
        let mut file = (entries.len() as u32 + 8).to_ne_bytes().to_vec();
        file.extend([0; 4]);
        file.extend(entries);
        file.resize(1 << 16, 0);
        file
    }

    fn found(directory: &Path) -> Vec<String> {
        names(directory).into_iter().collect()
    }

    #[test]
    fn user_families_are_found_and_conductor_families_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).unwrap();
        write("counter_1.db", &file(&["task_poll", "task_poll_time_seconds", "http_api_client_request"]));
        write("orders.prom", &file(&["other"]));
        assert_eq!(found(directory.path()), [""; 0]);
        write("counter_2.db", &file(&["task_poll", "orders", "mails", "orders"]));
        assert_eq!(found(directory.path()), ["mails", "orders"]);
        assert_eq!(found(&directory.path().join("missing")), [""; 0]);
    }

    #[test]
    fn arbitrary_bytes_yield_no_invented_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("counter_1.db");
        let whole = file(&["orders", "mails"]);
        let first = &file(&["orders"]);
        let end = u32::from_ne_bytes(*first.first_chunk().unwrap()) as usize;
        for length in 0..end {
            // The bytes end within an entry.
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(found(directory.path()), [""; 0], "{length}");
        }
        for (at, byte) in (0..end).flat_map(|at| [0, 0x7f, 0xff].map(|byte| (at, byte))) {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            fs::write(&path, &bytes).unwrap();
            assert!(found(directory.path()).len() <= 2, "{at}");
        }
        fs::write(&path, [0xff; 64]).unwrap();
        assert_eq!(found(directory.path()), [""; 0]);
        fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        assert_eq!(found(directory.path()), [""; 0]);
        assert_eq!(families(&[4, 0, 0, 0, b'[', b'1', b']', b' ']).count(), 0);
    }

    #[test]
    fn later_files_are_noticed_at_intervals() {
        let directory = tempfile::tempdir().unwrap();
        let unmerged = UnmergedMetrics::new(directory.path(), super::ONLY_PYTHON);
        let next = || *unmerged.next_poll.lock().unwrap();
        unmerged.poll();
        let pause = next().unwrap();
        assert!(pause > Instant::now());
        fs::write(directory.path().join("counter_1.db"), file(&["orders"])).unwrap();
        unmerged.poll();
        assert_eq!(next(), Some(pause), "looked before its time");
        *unmerged.next_poll.lock().unwrap() = Some(Instant::now());
        unmerged.poll();
        assert_eq!(next(), None);
    }

    #[test]
    fn listed_names_are_few_and_escaped() {
        let names = |all: &[&str]| all.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(listed(&names(&["b", "a\x1b[2J"])), "a\\u{1b}[2J, b");
        assert_eq!(listed(&names(&["a", "b", "c", "d"])), "a, b, c, …");
    }
}
