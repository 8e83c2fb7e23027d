//! The problems that a snapshot of a metrics directory shows.
//!
//! Each text is "thing: cause; remedy". The codes are part of the interface: docs/command.md lists
//! them, and scripts compare them.

use std::path::Path;

use ictus::{
    Snapshot,
    snapshot::{Health, HealthCounts},
};

/// A problem of the directory, with its remedy.
#[derive(Debug)]
pub(super) struct Finding {
    /// The exit code if this is the first finding.
    pub(super) code: i32,
    pub(super) text: String,
}

pub(super) const SURFACES: i32 = 10;
pub(super) const ADDRESS: i32 = 11;
pub(super) const NO_DIRECTORY: i32 = 12;
pub(super) const UNUSABLE: i32 = 13;
pub(super) const NOT_ACTIVE: i32 = 14;
const NO_SEGMENT: i32 = 15;
const ONLY_DEAD: i32 = 16;
const NO_OBSERVATION: i32 = 17;
const BAD_SEGMENT: i32 = 18;
const NO_SPACE: i32 = 19;
const OVERFLOWED: i32 = 20;
const REJECTED: i32 = 21;
const PROCESS_LOCAL: i32 = 22;
const FILE_REMOVED: i32 = 23;
const HIDDEN: i32 = 24;
const CONFLICTING: i32 = 25;
const UNREADABLE: i32 = 26;
const SATURATED: i32 = 27;
const LEFT_OUT: i32 = 28;
const DESCRIPTORS_CLOSED: i32 = 29;
const UNREAD: i32 = 30;
const EXEMPLARS: i32 = 31;
/// The exit codes of findings.
pub(in crate::command) const CODES: std::ops::RangeInclusive<i32> = SURFACES..=EXEMPLARS;

/// Returns the problem of a directory without a segment.
pub(super) fn no_segment(directory: &Path) -> Finding {
    let shown = directory.display();
    let text = format!("{shown} has no segments; start the workers with this directory, and let them poll");
    Finding { code: NO_SEGMENT, text }
}

/// Returns the problems of a directory that could be read. `left_out` series of it are not shown.
pub(super) fn check_snapshot(directory: &Path, snapshot: &Snapshot, left_out: u64) -> Vec<Finding> {
    let mut findings = check_segments(directory, snapshot);
    let shown = directory.display();
    let counted = recording_problems(&snapshot.health.counts)
        .into_iter()
        .chain(reading_problems(&snapshot.health, left_out))
        .filter(|(count, ..)| *count > 0)
        .map(|(_, code, text)| Finding { code, text: format!("{shown}: {text}") });
    findings.extend(counted);
    findings
}

/// Returns problems of the files, and of their contents as a whole.
fn check_segments(directory: &Path, snapshot: &Snapshot) -> Vec<Finding> {
    let (shown, health) = (directory.display(), &snapshot.health);
    let mut findings = Vec::new();
    if health.bad_segments > 0 {
        let text = format!(
            "{shown}/ictus: {} cannot be read, for the reason in the log lines above; run the newest version of \
             Ictus in all processes, or remove files that are not segments (`ictus check --repair`)",
            counted(health.bad_segments, "file", "files"),
        );
        findings.push(Finding { code: BAD_SEGMENT, text });
    }
    let is_empty = snapshot.families.iter().all(|family| family.series.is_empty());
    if is_empty && health.live_segments + health.dead_segments == 0 {
        findings.push(no_segment(directory));
    } else if is_empty {
        let text = format!(
            "{shown}: segments without observations, because no worker has polled yet; if that lasts, check that \
             workers reach their server"
        );
        findings.push(Finding { code: NO_OBSERVATION, text });
    } else if health.live_segments == 0 {
        let text = format!(
            "{shown}: all processes that recorded have ended, so no number changes; start the workers"
        );
        findings.push(Finding { code: ONLY_DEAD, text });
    }
    findings
}

/// Returns what processes counted while they recorded, with how often it happened.
fn recording_problems(counts: &HealthCounts) -> [(u64, i32, String); 7] {
    let no_room = counts.no_memory + counts.truncated_windows;
    let (rejected, reasons) = rejections(counts);
    [
        (
            no_room,
            NO_SPACE,
            format!(
                "no space to record, {}; enlarge the file system, by about 20 KB for each series of each worker",
                counted(no_room, "time", "times"),
            ),
        ),
        (
            counts.overflowed,
            OVERFLOWED,
            format!(
                "{} of series beyond max_series, recorded in the series ictus_overflow; use fewer label values, or \
             raise max_series (ICTUS_MAX_SERIES)",
                counted(counts.overflowed, "look-up", "look-ups"),
            ),
        ),
        (
            rejected,
            REJECTED,
            format!(
                "{} rejected: {reasons}; correct the program that measures",
                counted(rejected, "observation", "observations"),
            ),
        ),
        (
            counts.process_local_lanes,
            PROCESS_LOCAL,
            format!(
                "{}, now or earlier, in memory that only one process can read; its log has the cause (a full disk, too few \
             descriptors, permissions): remove it, and the process writes the data here",
                counted(counts.process_local_lanes, "lane", "lanes"),
            ),
        ),
        (
            counts.removed_files,
            FILE_REMOVED,
            format!(
                "{} removed while their processes lived, which wrote them again; data of ended processes is \
             lost: exclude the directory from the cleaner that removed them",
                counted(counts.removed_files, "segment file", "segment files"),
            ),
        ),
        (
            counts.closed_descriptors,
            DESCRIPTORS_CLOSED,
            format!(
                "{} of segments closed by the program itself; recording continues, but close no descriptors that the \
             program has not opened",
                counted(counts.closed_descriptors, "file descriptor", "file descriptors"),
            ),
        ),
        (
            counts.exemplars,
            EXEMPLARS,
            format!(
                "{} rejected, and their observations kept; pass trace ids of 32 and span ids of 16 hexadecimal digits",
                counted(counts.exemplars, "exemplar", "exemplars"),
            ),
        ),
    ]
}

/// Returns the number of observations that no series has, and how many there are for each reason.
fn rejections(counts: &HealthCounts) -> (u64, String) {
    let reasons = [
        (counts.nan, "NaN"),
        (counts.negative, "negative"),
        (counts.too_large, "too large"),
        (counts.reentered, "by a signal handler that interrupted another of the same series"),
        (counts.removed, "through a handle of a removed series"),
        (counts.unlabelled, "without label values"),
        (counts.label_too_long, "with too long label values"),
    ];
    let total = reasons.iter().map(|(count, _)| count).sum();
    let texts =
        reasons.iter().filter(|(count, _)| *count > 0).map(|(count, reason)| format!("{count} {reason}"));
    (total, texts.collect::<Vec<_>>().join(", "))
}

/// Returns the kinds of data that the reader did not show, with their counts.
fn reading_problems(health: &Health, left_out: u64) -> [(u64, i32, String); 6] {
    [
        (
            health.hidden_families,
            HIDDEN,
            format!(
                "{} not shown, because a newer definition of the name has another type or unit; the log lines above \
             have both: rename one",
                counted(health.hidden_families, "family", "families"),
            ),
        ),
        (
            health.conflicting_definitions,
            CONFLICTING,
            format!(
                "{} of living processes without effect, because a newer one of the same metric has other options; \
             the log lines above have both: set the same options in all workers",
                counted(health.conflicting_definitions, "definition", "definitions"),
            ),
        ),
        (
            health.unreadable_segments,
            UNREADABLE,
            format!(
                "{} of ended processes, damaged in part; the rest of their data is shown: `ictus check --repair` \
             removes the files",
                counted(health.unreadable_segments, "segment", "segments"),
            ),
        ),
        (
            health.saturated_sums,
            SATURATED,
            format!(
                "{} at the largest sum that can be kept; correct the program that measures (is the unit right?)",
                counted(health.saturated_sums, "series", "series"),
            ),
        ),
        (
            left_out,
            LEFT_OUT,
            format!(
                "{left_out} series not shown, because of a reserved or invalid name, or because another series has the \
             same name and labels; the log lines above name them: rename the label or the metric",
            ),
        ),
        (
            health.unread_lanes,
            UNREAD,
            format!(
                "{} written faster than they could be read; check again, on a machine with less load",
                counted(health.unread_lanes, "lane", "lanes"),
            ),
        ),
    ]
}

/// Returns a count with its noun.
pub(super) fn counted(count: u64, singular: &str, plural: &str) -> String {
    format!("{count} {}", if count == 1 { singular } else { plural })
}

#[cfg(test)]
mod tests {
    use super::{HealthCounts, recording_problems};

    #[test]
    fn each_count_of_a_writer_is_reported() {
        let counts: [fn(&mut HealthCounts) -> &mut u64; 14] = [
            |counts| &mut counts.nan,
            |counts| &mut counts.negative,
            |counts| &mut counts.too_large,
            |counts| &mut counts.reentered,
            |counts| &mut counts.no_memory,
            |counts| &mut counts.removed,
            |counts| &mut counts.unlabelled,
            |counts| &mut counts.label_too_long,
            |counts| &mut counts.overflowed,
            |counts| &mut counts.process_local_lanes,
            |counts| &mut counts.truncated_windows,
            |counts| &mut counts.exemplars,
            |counts| &mut counts.removed_files,
            |counts| &mut counts.closed_descriptors,
        ];
        for count in counts {
            let mut health = HealthCounts::default();
            *count(&mut health) = 3;
            let reported: Vec<_> =
                recording_problems(&health).into_iter().filter(|(count, ..)| *count > 0).collect();
            assert!(
                matches!(&reported[..], [(3, _, text)] if text.contains('3')),
                "{health:?}: {reported:?}"
            );
        }
    }
}
