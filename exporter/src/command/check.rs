//! `ictus check`: reports problems of a metrics directory, with their remedies.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use ictus::{Reader, Registry, Snapshot, repair, snapshot::Lost, surface::View};

use super::source_args::directory;
use crate::{
    directory::Unusable,
    error::Result,
    http::{ListenAddress, Server},
    source::Source,
    terminal::print,
};

#[derive(Args, Debug)]
pub(super) struct Check {
    /// The metrics directory in which the workers record
    #[arg(value_name = "DIR", env = "ICTUS_DIRECTORY", value_parser = directory())]
    directory: PathBuf,
    /// The sets of names to show together
    #[arg(long, value_name = "NAMES", env = "ICTUS_SURFACES", default_value = "legacy,documented")]
    surface: String,
    /// An address to serve, which must be free
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<ListenAddress>,
    /// Remove unreadable files of ended processes: damaged segments, and those set aside
    #[arg(long)]
    repair: bool,
}

/// A problem of the directory, with its remedy.
#[derive(Debug)]
struct Finding {
    /// The exit code if this is the first finding; see docs/command.md.
    code: i32,
    text: String,
}

const SURFACES: i32 = 10;
const ADDRESS: i32 = 11;
const NO_DIRECTORY: i32 = 12;
const UNUSABLE: i32 = 13;
const NOT_ACTIVE: i32 = 14;
const NO_SEGMENT: i32 = 15;
const ONLY_DEAD: i32 = 16;
const NO_OBSERVATION: i32 = 17;
const BAD_SEGMENT: i32 = 18;
const NO_SPACE: i32 = 19;
const OVERFLOWED: i32 = 20;
const REJECTED: i32 = 21;
const UNSHARED: i32 = 22;
const FILE_REMOVED: i32 = 23;
const HIDDEN: i32 = 24;
const CONFLICTING: i32 = 25;
const UNREADABLE: i32 = 26;
const SATURATED: i32 = 27;
/// The exit codes of findings.
pub(super) const CODES: std::ops::RangeInclusive<i32> = SURFACES..=SATURATED;

impl Check {
    /// Prints each finding in a line; the exit code is that of the first.
    pub(super) fn run(self) -> Result<i32> {
        let mut findings = Vec::new();
        if let Err(refused) = self.surface.parse::<View>() {
            findings.push(Finding { code: SURFACES, text: refused.to_string() });
        }
        if let Some(listen) = self.listen {
            findings.extend(check_address(listen));
        }
        let mut said = String::new();
        if self.repair {
            match repair(&self.directory) {
                Ok(removed) => said.push_str(&format!("removed {removed} unreadable segments\n")),
                Err(refused) => findings.push(Finding { code: UNUSABLE, text: refused.to_string() }),
            }
        }
        match inspect(&self.directory) {
            Err(finding) => findings.push(finding),
            Ok(snapshot) => {
                said.push_str(&summary(&snapshot));
                findings.extend(check_snapshot(&self.directory, &snapshot));
            }
        }
        for finding in &findings {
            said.push_str(&format!("PROBLEM {}: {}\n", finding.code, finding.text));
        }
        if findings.is_empty() {
            said.push_str("ok\n");
        }
        let printed = print(said.as_bytes());
        Ok(findings.first().map_or(printed, |finding| finding.code))
    }
}

/// Returns a finding if the address cannot be listened on.
fn check_address(listen: ListenAddress) -> Option<Finding> {
    match Server::start(Source::from_fn(|_| String::new()), listen) {
        Ok(server) => {
            server.stop();
            server.wait();
            None
        }
        Err(refused) => Some(Finding { code: ADDRESS, text: refused.to_string() }),
    }
}

/// Reads the directory without moving or removing anything.
fn inspect(directory: &Path) -> std::result::Result<Snapshot, Finding> {
    let shown = directory.display();
    if let Some(why) = Unusable::examine(directory) {
        let code = match why {
            Unusable::Missing(_) | Unusable::NotADirectory(_) | Unusable::Inner(_) => NO_DIRECTORY,
            Unusable::Denied(_) | Unusable::Other(..) => UNUSABLE,
        };
        return Err(Finding { code, text: why.to_string() });
    }
    if !directory.join("ictus").is_dir() {
        let theirs = sdk_files(directory);
        let text = if theirs == 0 {
            format!("{shown} has no segments; start the workers with this directory, and have them poll")
        } else {
            format!(
                "{shown} has {theirs} files of the SDK's own metrics (*.db) and none of Ictus's: workers import \
                 MetricsSettings from ictus.conductor, or run by `ictus run`, and ICTUS_DISABLE is not set"
            )
        };
        return Err(Finding { code: if theirs == 0 { NO_SEGMENT } else { NOT_ACTIVE }, text });
    }
    let unusable = |refused: ictus::Error| Finding { code: UNUSABLE, text: refused.to_string() };
    // Applies the rules that the workers apply: owner, mode, file system.
    Registry::open(directory).map_err(unusable)?;
    Reader::new(directory).without_retiring().snapshot().map_err(unusable)
}

fn sdk_files(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "db")).count()
}

fn summary(snapshot: &Snapshot) -> String {
    let health = &snapshot.health;
    let series: usize = snapshot.families.iter().map(|family| family.series.len()).sum();
    format!(
        "{} families, {series} series; {} living and {} dead segments, {} KiB\n",
        snapshot.families.len(),
        health.live_segments,
        health.dead_segments,
        health.bytes.div_ceil(1024),
    )
}

fn check_snapshot(directory: &Path, snapshot: &Snapshot) -> Vec<Finding> {
    let health = &snapshot.health;
    let Lost { nan, negative, too_large, overflowed, .. } = health.lost;
    let no_room = health.lost.no_memory + health.lost.truncated_windows;
    let (unshared, removed) = (health.lost.process_local_lanes, health.lost.removed_files);
    let shown = directory.display();
    let empty = snapshot.families.iter().all(|family| family.series.is_empty());
    let findings = [
        (health.bad_segments > 0).then(|| (BAD_SEGMENT, format!(
            "{} segments in {shown}/ictus cannot be read and are left out: see the log for their names; remove \
             what is none, or use the newest version of Ictus everywhere", health.bad_segments
        ))),
        (health.live_segments + health.dead_segments == 0 && empty).then(|| (NO_SEGMENT, format!(
            "{shown} has no segments; start the workers with this directory, and have them poll"
        ))),
        (health.live_segments + health.dead_segments > 0 && empty).then(|| (NO_OBSERVATION, format!(
            "segments in {shown} have no observations: the workers have started and not polled yet, or cannot \
             reach their server"
        ))),
        (health.live_segments == 0 && !empty).then(|| (ONLY_DEAD, format!(
            "all that recorded into {shown} are dead: what is shown does not change any more; start the workers"
        ))),
        (no_room > 0).then(|| (NO_SPACE, format!(
            "{no_room} times there was no room to record in: make the file system of {shown} larger, by some \
             20 KB for each series of each worker"
        ))),
        (overflowed > 0).then(|| (OVERFLOWED, format!(
            "{overflowed} look-ups found their metric full and got the series ictus_overflow: raise max_series \
             (ICTUS_MAX_SERIES), or use fewer label values"
        ))),
        (nan + negative + too_large > 0).then(|| (REJECTED, format!(
            "{nan} observations were NaN, {negative} negative, {too_large} too large: look at the program that \
             measures"
        ))),
        (unshared > 0).then(|| (UNSHARED, format!(
            "{unshared} lanes were begun in memory that only their own process sees, because its segment could \
             not be made or could not grow: its log says why (a full disk, too few descriptors, rights of the \
             directory). Once that has passed, what they hold is shown here; until then it is missing"
        ))),
        (removed > 0).then(|| (FILE_REMOVED, format!(
            "{removed} files of segments were removed from {shown} while their processes lived, and were \
             written anew; what ended processes had left is gone: keep whatever cleans directories away from it"
        ))),
        (health.hidden_families > 0).then(|| (HIDDEN, format!(
            "{} families are not shown, because a newer definition of their name is of another type or unit: see \
             the log for both; give one of them another name", health.hidden_families
        ))),
        (health.conflicting_definitions > 0).then(|| (CONFLICTING, format!(
            "{} definitions of living processes do not hold, because a newer one of the same metric has other \
             options: see the log for both; give all workers the same options", health.conflicting_definitions
        ))),
        (health.unreadable_segments > 0).then(|| (UNREADABLE, format!(
            "{} segments of ended processes are damaged in part; what could be read of them is shown: \
             `ictus check --repair` removes the files", health.unreadable_segments
        ))),
        (health.saturated_sums > 0).then(|| (SATURATED, format!(
            "{} sums have reached the largest number that is kept, and do not grow any more: look at the program \
             that measures (is the unit right?)", health.saturated_sums
        ))),
    ];
    findings.into_iter().flatten().map(|(code, text)| Finding { code, text }).collect()
}
