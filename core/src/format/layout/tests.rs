//! Compares `docs/segment-format.md` with the code.

use std::mem::offset_of;

use super::*;

const PAGE: &str = include_str!("../../../../docs/segment-format.md");

/// Returns the cells of the table row whose first cell is `first`.
fn row(section: &str, first: &str) -> Vec<&'static str> {
    let section = &PAGE[PAGE.find(section).unwrap()..];
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    section.lines().map(cells).find(|cells| cells[0] == first).unwrap()
}

#[test]
fn the_documented_lines_are_those_of_the_code() {
    let lines = [
        ("header", Header::LINES),
        ("block", Block::LINES),
        ("chunk", Chunk::LINES),
        ("bucket page", BucketPage::LINES),
        ("exemplar", ExemplarSlot::LINES),
    ];
    for (part, expected) in lines {
        assert_eq!(row("## A segment", part)[1], expected.to_string(), "{part}");
    }
    assert!(PAGE.contains("16 for a window of 1,000") && ring_chunks(1000) == 16 && ring_chunks(1) == 2);
    assert!(row("## A segment", "block")[2].contains("63 lanes of 8 words") && BLOCK_LANES == 63);
}

#[test]
fn the_documented_words_are_those_of_the_code() {
    let header = [
        (identity::MAGIC, "magic"),
        (identity::VERSION, "version"),
        (identity::ID, "id"),
        (identity::PID, "pid"),
        (identity::CREATED, "created"),
        (identity::EPOCH, "epoch"),
        (identity::CLOCK, "clock"),
        (identity::ANCHOR, "anchor"),
        (identity::CHECKSUM, "checksum"),
        (offset_of!(Header, root) / 8, "root"),
        (offset_of!(Header, cursor) / 8, "cursor"),
        (offset_of!(Header, losses) / 8, "losses"),
        (offset_of!(Header, anchors) / 8, "anchors"),
    ];
    for (word, name) in header {
        assert_eq!(row("### Header", &word.to_string())[1], name);
    }
    let lane = [
        (offset_of!(Lane, head), "head"),
        (offset_of!(Lane, series), "series"),
        (offset_of!(Lane, table), "table"),
        (offset_of!(Lane, chunks), "chunks"),
        (offset_of!(Lane, exemplars), "exemplars"),
        (offset_of!(Lane, exemplified), "exemplified"),
    ];
    for (offset, name) in lane {
        assert_eq!(row("### Lane", &(offset / 8).to_string())[1], name);
    }
    assert_eq!((offset_of!(Record, entered), offset_of!(Record, sum)), (0, 8));
    assert_eq!((offset_of!(Chunk, records), size_of::<Record>(), offset_of!(Chunk, slots)), (0, 32, 64));
    assert!(row("## A segment", "chunk")[2].contains("0 and 4: index entered"));
    assert!(row("### Header", "1")[2].contains(&format!("format version, {VERSION};")));
    assert!(row("### Header", "1")[2].contains("`0x01020304`") && BYTE_ORDER == 0x0102_0304);
    let losses = [
        (HealthCounter::Nan, "NaN"),
        (HealthCounter::Negative, "negative"),
        (HealthCounter::TooLarge, "too large"),
        (HealthCounter::Reentered, "re-entered"),
        (HealthCounter::NoMemory, "no memory"),
        (HealthCounter::WindowTruncated, "short window"),
        (HealthCounter::Overflow, "overflow"),
        (HealthCounter::ProcessLocal, "unshared"),
        (HealthCounter::FileRemoved, "file removed"),
        (HealthCounter::Removed, "removed"),
        (HealthCounter::Exemplar, "exemplar"),
        (HealthCounter::DescriptorClosed, "descriptor closed"),
    ];
    assert!(row("### Header", "32")[2].starts_with(&format!("{HEALTH_COUNTERS} counters: ")));
    assert!(row("### Lane", "1")[2].contains(&format!("bit {}", UNPUBLISHED.trailing_zeros())));
    let documented = row("### Header", "32")[2].split_once(": ").unwrap().1;
    for (loss, name) in losses {
        assert_eq!(documented.split(", ").nth(loss as usize), Some(name));
    }
}
