//! `ictus check`: reports problems of a metrics directory, with their remedies.

mod findings;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use ictus::{
    Reader, Registry, Snapshot, repair,
    surface::{Exposition, View},
};

pub(super) use self::findings::CODES;
use self::findings::{
    ADDRESS, Finding, NO_DIRECTORY, NOT_ACTIVE, SURFACES, UNUSABLE, check_snapshot, counted,
};

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

impl Check {
    /// Prints each finding in a line; the exit code is that of the first.
    pub(super) fn run(self) -> Result<i32> {
        let mut findings = Vec::new();
        let view = self.surface.parse::<View>().unwrap_or_else(|error| {
            findings.push(Finding { code: SURFACES, text: error.to_string() });
            View::default()
        });
        if let Some(listen) = self.listen {
            findings.extend(check_address(listen));
        }
        let mut output = String::new();
        if self.repair {
            match repair(&self.directory) {
                Ok(removed) => {
                    let removed = counted(removed as u64, "unreadable segment", "unreadable segments");
                    output.push_str(&format!("removed {removed}\n"));
                }
                Err(error) => findings.push(Finding { code: UNUSABLE, text: error.to_string() }),
            }
        }
        match inspect(&self.directory) {
            Err(finding) => findings.push(finding),
            Ok(snapshot) => {
                output.push_str(&summary(&snapshot));
                let left_out = Exposition::new(&snapshot, &view).left_out();
                findings.extend(check_snapshot(&self.directory, &snapshot, left_out));
            }
        }
        for finding in &findings {
            output.push_str(&format!("PROBLEM {}: {}\n", finding.code, finding.text));
        }
        if findings.is_empty() {
            output.push_str("ok\n");
        }
        let printed = print(output.as_bytes());
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
    if let Some(why) = Unusable::examine(directory) {
        let code = match why {
            Unusable::Missing(_) | Unusable::NotADirectory(_) | Unusable::Inner(_) => NO_DIRECTORY,
            Unusable::Denied(_) | Unusable::Other(..) => UNUSABLE,
        };
        return Err(Finding { code, text: why.to_string() });
    }
    if !directory.join("ictus").is_dir() {
        return Err(without_segments(directory));
    }
    let unusable = |error: ictus::Error| Finding { code: UNUSABLE, text: error.to_string() };
    // Applies the rules that the workers apply: owner, mode, file system.
    Registry::open(directory).map_err(unusable)?;
    Reader::new(directory).without_retiring().snapshot().map_err(unusable)
}

/// Returns the problem of a directory into which no process has recorded through Ictus.
fn without_segments(directory: &Path) -> Finding {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let databases =
        entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "db")).count();
    let shown = directory.display();
    if databases == 0 {
        return findings::no_segment(directory);
    }
    let databases = counted(databases as u64, "file", "files");
    let text = format!(
        "{shown}: {databases} of the SDK's own collector (*.db), and none of Ictus; import MetricsSettings from \
         ictus.conductor, or start workers by `ictus run`, and check that ICTUS_DISABLE is not set"
    );
    Finding { code: NOT_ACTIVE, text }
}

/// Returns the first line of the output.
fn summary(snapshot: &Snapshot) -> String {
    let health = &snapshot.health;
    let series = snapshot.families.iter().map(|family| family.series.len() as u64).sum();
    format!(
        "{}, {}; {} living and {}, {} KiB\n",
        counted(snapshot.families.len() as u64, "family", "families"),
        counted(series, "series", "series"),
        health.live_segments,
        counted(health.dead_segments, "dead segment", "dead segments"),
        health.bytes.div_ceil(1024),
    )
}
