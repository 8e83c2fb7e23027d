//! promtool: no surface has a finding that is not listed, and no configuration of the page has any.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use super::{
    ictus_command, page,
    programs::installed,
    recorded::{Recorded, record_others},
};

const SURFACES: [&str; 4] = ["legacy", "documented", "legacy,documented", "canonical"];

/// Surface, metric, and promtool's remark on it.
type Finding = (String, String, String);

/// Returns the findings in docs/promtool-findings.txt. Each paragraph is one kind of finding: the
/// reason in lines that begin with `#`, promtool's remark, and then `surface: metrics`.
fn listed() -> BTreeSet<Finding> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/promtool-findings.txt");
    let list = fs::read_to_string(path).unwrap();
    let mut findings = BTreeSet::new();
    for paragraph in list.split("\n\n") {
        let mut lines = paragraph.lines().filter(|line| !line.starts_with('#'));
        let Some(remark) = lines.next() else { continue };
        assert!(paragraph.starts_with('#'), "no reason is given: {remark}");
        for line in lines {
            let (surface, metrics) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?}"));
            for metric in metrics.split(' ') {
                let new = findings.insert((surface.to_owned(), metric.to_owned(), remark.to_owned()));
                assert!(new, "listed twice: {surface} {metric} {remark}");
            }
        }
    }
    findings
}

pub(crate) fn promtool(arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), said)
}

#[test]
fn findings_of_promtool_are_those_listed() {
    if !installed(&["promtool", "setpriv"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let registry = ictus::Registry::open(directory.path()).unwrap();
    let recorded = Recorded::initial();
    recorded.record(&registry);
    record_others(&registry, &recorded);
    let mut reported: BTreeSet<Finding> = BTreeSet::new();
    for surface in SURFACES {
        let (code, said) = promtool(&["check", "metrics"], &ictus_command::dump(directory.path(), surface));
        // Status 3 is a remark; status 1 is text that cannot be parsed.
        assert!(matches!(code, Some(0 | 3)), "{surface}: {code:?} {said}");
        for line in said.lines() {
            let (metric, remark) = line.split_once(' ').unwrap();
            reported.insert((surface.to_owned(), metric.to_owned(), remark.to_owned()));
        }
    }
    let listed = listed();
    let new: Vec<_> = reported.difference(&listed).collect();
    let missing: Vec<_> = listed.difference(&reported).collect();
    assert!(new.is_empty() && missing.is_empty(), "not listed: {new:#?}\nno longer found: {missing:#?}");
}

#[test]
fn configurations_of_the_page_are_valid() {
    if !installed(&["promtool"]) {
        return;
    }
    for configuration in page::configurations() {
        let (code, said) = promtool(&["check", "config", "/dev/stdin"], &configuration);
        assert_eq!(code, Some(0), "{said}\n{configuration}");
    }
}
