//! docs/configuration.md: it lists every variable that the code reads and every option of the
//! command.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod terminal;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use terminal::{ictus, outcome};

/// The folders in which variables are read. The C library reads none; its names begin like one.
const SOURCES: [&str; 5] =
    ["core/src", "exporter/src", "py-binding/src", "py-binding/python", "bindings/javascript/src"];
const ACTIONS: [&str; 6] = ["serve", "write", "dump", "top", "push", "check"];
/// Variables of the project's own tests, a constant of the C header, and a setting of Django.
const NOT_SETTINGS: [&str; 5] = [
    "ICTUS_ABI_VERSION",
    "ICTUS_FAILPOINT",
    "ICTUS_REGISTRY",
    "ICTUS_TEST_CLEARED_DIRECTORY",
    "ICTUS_TEST_DIRECTORY",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    fs::read_to_string(root().join("docs/configuration.md")).unwrap()
}

/// Returns the cells of the rows whose first cell begins with `start`.
fn rows(page: &str, start: &str) -> Vec<Vec<String>> {
    let rows = page.lines().filter(|line| line.starts_with(start));
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect()
}

fn texts(folder: &Path, contents: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            texts(&path, contents);
        } else if let Ok(text) = fs::read_to_string(&path) {
            contents.push(text);
        }
    }
}

/// Returns the names of the variables in a text.
fn variables(text: &str) -> impl Iterator<Item = String> {
    text.match_indices("ICTUS_").filter_map(|(at, _)| {
        let name: String = text[at..].chars().take_while(|&c| c.is_ascii_uppercase() || c == '_').collect();
        // `ICTUS_*` is not a name.
        (!name.ends_with('_')).then_some(name)
    })
}

#[test]
fn every_variable_that_is_read_is_described_and_no_other() {
    let mut sources = Vec::new();
    SOURCES.iter().for_each(|source| texts(&root().join(source), &mut sources));
    let read: BTreeSet<String> = sources.iter().flat_map(|text| variables(text)).collect();
    let described = rows(&page(), "| `ICTUS_").into_iter().map(|row| row[0].clone());
    let described: BTreeSet<String> = described.chain(NOT_SETTINGS.map(str::to_owned)).collect();
    assert_eq!(read, described);
}

#[test]
fn every_option_of_the_command_is_described_with_its_default() {
    let mut described = BTreeSet::new();
    for action in ACTIONS {
        let rows = rows(&page(), "| `").into_iter().filter(|row| row[0].split(", ").any(|one| one == action));
        described.extend(rows.map(|row| (action, row[1].clone(), row[2].clone())));
    }
    let mut options = BTreeSet::new();
    for action in ACTIONS {
        let (_, help, _) = outcome(&ictus().args([action, "--help"]).output().unwrap());
        let mut lines = help.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(option) = line.trim().strip_prefix("--") else { continue };
            let name = option.split_whitespace().next().unwrap();
            // The help is wrapped at any blank.
            let mut text = line.to_owned();
            while let Some(next) = lines.next_if(|next| !next.trim_start().starts_with('-')) {
                text.push(' ');
                text.push_str(next.trim());
            }
            let default = text.split_once("[default: ").map(|(_, rest)| rest.split(']').next().unwrap());
            options.insert((action, format!("--{name}"), default.unwrap_or_default().to_owned()));
        }
    }
    for (action, option, default) in &options {
        let row = described.iter().find(|row| (row.0, &row.1) == (*action, option));
        let (.., shown) = row.unwrap_or_else(|| panic!("{action} {option} is not described"));
        assert!(default.is_empty() || shown == default, "{action} {option}: {default:?}, and not {shown:?}");
    }
    assert_eq!(described.len(), options.len(), "{described:#?} {options:#?}");
}
