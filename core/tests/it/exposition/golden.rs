//! Whole expositions of one snapshot, compared with files.
//!
//! `ICTUS_BLESS=1 cargo test` rewrites the files. Read the difference before you commit it:
//! dashboards depend on every line.

use std::{collections::BTreeSet, env, fs, io, path::Path};

use ictus::{
    catalog, expose,
    surface::{Exposition, View},
};

use crate::common;

fn shown(surfaces: &str, summaries: bool) -> Exposition {
    let mut view: View = surfaces.parse().unwrap_or_default();
    view.summaries = summaries;
    Exposition::new(&common::snapshot(), &view)
}

fn text(surfaces: &str, summaries: bool) -> String {
    expose::text(&shown(surfaces, summaries))
}

fn openmetrics(surfaces: &str, summaries: bool) -> String {
    expose::openmetrics(&shown(surfaces, summaries))
}

fn compare(name: &str, shown: &str) -> io::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if env::var_os("ICTUS_BLESS").is_some() {
        fs::write(&file, shown)?;
    }
    let golden = fs::read_to_string(&file)?;
    for (at, (shown, golden)) in shown.lines().zip(golden.lines()).enumerate() {
        assert_eq!(shown, golden, "{name}, line {}", at + 1);
    }
    assert_eq!(shown, golden, "{name}");
    Ok(())
}

#[test]
fn legacy() -> io::Result<()> {
    compare("legacy.prom", &text("legacy", false))
}

#[test]
fn documented() -> io::Result<()> {
    compare("documented.prom", &text("documented", false))
}

#[test]
fn legacy_and_documented() -> io::Result<()> {
    compare("both.prom", &text("legacy,documented", false))
}

#[test]
fn legacy_and_documented_with_summaries() -> io::Result<()> {
    compare("both-summaries.prom", &text("legacy,documented", true))
}

#[test]
fn canonical() -> io::Result<()> {
    compare("canonical.prom", &text("canonical", false))
}

// A strict parser reads these in the Python package's tests.

#[test]
fn openmetrics_of_legacy() -> io::Result<()> {
    compare("legacy.openmetrics", &openmetrics("legacy", false))
}

#[test]
fn openmetrics_of_documented() -> io::Result<()> {
    compare("documented.openmetrics", &openmetrics("documented", false))
}

#[test]
fn openmetrics_of_legacy_and_documented() -> io::Result<()> {
    compare("both.openmetrics", &openmetrics("legacy,documented", false))
}

#[test]
fn openmetrics_of_legacy_and_documented_with_summaries() -> io::Result<()> {
    compare("both-summaries.openmetrics", &openmetrics("legacy,documented", true))
}

#[test]
fn openmetrics_of_canonical() -> io::Result<()> {
    compare("canonical.openmetrics", &openmetrics("canonical", false))
}

#[test]
fn the_snapshot_has_every_recorded_metric() {
    let snapshot = common::snapshot();
    for definition in catalog::ALL {
        let family = snapshot.family(definition.name);
        assert!(family.is_some_and(|family| !family.series.is_empty()), "{}", definition.name);
    }
}

#[test]
fn names_and_samples_are_unique() {
    for surfaces in ["legacy", "documented", "legacy,documented", "canonical"] {
        for summaries in [false, true] {
            let text = text(surfaces, summaries);
            let (mut taken, mut samples) = (BTreeSet::new(), BTreeSet::new());
            let mut of_family = Vec::new();
            for line in text.lines().filter(|line| !line.starts_with("# HELP ")) {
                let (subject, last) = line.rsplit_once(' ').unwrap_or_default();
                if let Some(name) = subject.strip_prefix("# TYPE ") {
                    let suffixes: &[&str] = match last {
                        "summary" => &["", "_sum", "_count"],
                        "histogram" => &["_bucket", "_sum", "_count"],
                        _ => &[""],
                    };
                    of_family = suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect();
                    for name in &of_family {
                        assert!(taken.insert(name.clone()), "{surfaces}: {name} is taken");
                    }
                } else {
                    let name = subject.split('{').next().unwrap_or_default();
                    assert!(of_family.iter().any(|sample| sample == name), "{surfaces}: {line} is astray");
                    assert!(samples.insert(subject), "{surfaces}: {line} stands twice");
                }
            }
            assert!(!samples.is_empty());
        }
    }
}
