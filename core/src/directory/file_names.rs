//! The names of the files in a metrics directory. Each id has exactly one name of a kind.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

const EXTENSION: &str = "seg";
/// The extension of segments whose readable lanes are in the totals, while their other lanes cannot
/// be read.
const ASIDE: &str = "unreadable";
/// The prefix of the name of a file that is not complete.
pub(super) const TEMP_PREFIX: &str = ".new-";

/// Returns the name of a segment's file.
pub(crate) fn segment_name(id: u64) -> PathBuf {
    format!("{id:016x}.{EXTENSION}").into()
}

pub(crate) fn temp_name(id: u64) -> String {
    format!("{TEMP_PREFIX}{id:016x}")
}

/// Returns the name of a segment that is set aside.
pub(super) fn aside_name(id: u64) -> PathBuf {
    format!("{id:016x}.{ASIDE}").into()
}

/// Returns the id in a name that `spell` writes.
pub(super) fn id_with(name: &Path, spell: fn(u64) -> PathBuf) -> Option<u64> {
    let stem = name.file_stem().and_then(OsStr::to_str)?;
    let id = u64::from_str_radix(stem, 16).ok()?;
    // Each id has exactly one name. If capitals or a sign were accepted, a segment could be read
    // twice.
    (name == spell(id)).then_some(id)
}

/// Returns the id in the name of a segment that is not complete.
pub(super) fn unfinished_id_of(name: &Path) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix(TEMP_PREFIX)?;
    let id = u64::from_str_radix(digits, 16).ok()?;
    (name == Path::new(&temp_name(id))).then_some(id)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{id_with, segment_name};

    #[test]
    fn only_complete_names_are_segments() {
        let id_of = |name| id_with(Path::new(name), segment_name);
        assert_eq!(id_of("00000000000000ff.seg"), Some(255));
        for name in [
            "ff.seg",
            ".new-00000000000000ff",
            "00000000000000ff",
            "totals",
            "0000000000000zff.seg",
            "00000000000000FF.seg",
            "+0000000000000ff.seg",
        ] {
            assert_eq!(id_of(name), None, "{name}");
        }
    }
}
