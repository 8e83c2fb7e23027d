"""Each ordering of recording and reading that is stronger than Relaxed, and the test that needs it.

The names are those of docs/memory-ordering.md. `weaken.py` replaces `snippet` with `weakened` and
runs `evidence`: a model of core/models if it is a plain name, otherwise a unit test of core/src.
"""

from __future__ import annotations

from typing import NamedTuple


class Ordering(NamedTuple):
    """An ordering, or the acquire or release half of one."""

    name: str
    file: str
    snippet: str
    weakened: str
    evidence: str


class LeftOut(NamedTuple):
    """An ordering that is not weakened, and the reason."""

    file: str
    snippet: str
    half: str
    """`Acquire` or `Release` if the other half is in the table; empty if the whole ordering is left out."""
    reason: str


FULL_RING = "ring::tests::a_full_ring_reads_exactly"
SHORT_RING = "ring::tests::ring_without_memory_reads_its_slots"
LIVES = "ring::tests::lane_reuse::reader_never_mixes_two_incarnations_of_a_lane"
PUBLISHED = "observe::published::reader_sees_published_lanes_only"
SERIES = "observe::published::a_reader_never_mixes_series"
EXEMPLARS = "exemplar::tests::a_reader_never_tears_an_exemplar"

OUT = "takes a pointer out: nobody follows what stands there then, and it was acquired when it was loaded"
IN = "nothing is followed that was there before; where it fails, it acquires by *follow*"
LIFE = "a number by which nothing else is read: the fences of *end*, and pointers, order what a life has"
LEAVE = (
    "leaving a segment, which no model runs: core/tests/recovery.rs records meanwhile and holds every "
    "observation; see `observe/recovery/`"
)
PARTS = "where memory is mapped, of which a model has its own; see `segment/mapping.rs`"

# Descriptors, address space and forks, which are not part of recording or reading.
NOT_MODELLED = {
    # The end of the process: one flag that a thread sets when it has written everything.
    "at_exit.rs",
    # Lets one thread create a segment; the pointer to the segment orders its content.
    "observe/process_segments/maker.rs",
    # Leaving a segment: copies are compared until nothing changes, so a store that becomes visible
    # late is copied late. core/tests/recovery.rs checks that no observation recorded meanwhile is
    # lost.
    "observe/process_segments/recovery_thread.rs",
    "observe/recovery/turn.rs",
    "segment/copy.rs",
    "sys/fork.rs",
    "sys/linux.rs",
    "sys/own_descriptor.rs",
    "segment/reservation.rs",
    "sys/wiped.rs",
    "sys/zeros.rs",
}

ORDERINGS = [
    Ordering(
        "publish",
        "ring/writer.rs",
        "lane.head.store(head + 1, Ordering::Release);",
        "lane.head.store(head + 1, Ordering::Relaxed);",
        FULL_RING,
    ),
    Ordering(
        "reuse",
        "ring/writer.rs",
        ".value.store(value.to_bits(), Ordering::Release);",
        ".value.store(value.to_bits(), Ordering::Relaxed);",
        FULL_RING,
    ),
    Ordering(
        "reuse",
        "ring/writer.rs",
        ".stamp.store(stamp, Ordering::Release);",
        ".stamp.store(stamp, Ordering::Relaxed);",
        FULL_RING,
    ),
    Ordering(
        "reuse",
        "ring/writer.rs",
        "to.store(from.load(Ordering::Relaxed), Ordering::Release);",
        "to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);",
        SHORT_RING,
    ),
    Ordering(
        "enter",
        "ring/writer.rs",
        "record.entered.store(head + 1, Ordering::Release);",
        "record.entered.store(head + 1, Ordering::Relaxed);",
        SHORT_RING,
    ),
    Ordering(
        "grow",
        "ring/writer.rs",
        "self.lane.chunks.store(index + 1, Ordering::Release);",
        "self.lane.chunks.store(index + 1, Ordering::Relaxed);",
        FULL_RING,
    ),
    Ordering(
        "look",
        "segment/source.rs",
        ("            *word = source.load(Ordering::Relaxed);\n        }\n        fence(Ordering::Acquire);"),
        ("            *word = source.load(Ordering::Relaxed);\n        }"),
        "a_full_ring_is_read_with_concurrent_writer",
    ),
    Ordering(
        "block",
        "segment/writer/blocks.rs",
        "self.header.root.compare_exchange(newest, line, Ordering::Release, Ordering::Relaxed)",
        "self.header.root.compare_exchange(newest, line, Ordering::Relaxed, Ordering::Relaxed)",
        PUBLISHED,
    ),
    Ordering(
        "lane",
        "format/layout.rs",
        "self.series.compare_exchange(word | UNPUBLISHED, word, Ordering::AcqRel, Ordering::Relaxed)",
        "self.series.compare_exchange(word | UNPUBLISHED, word, Ordering::Acquire, Ordering::Relaxed)",
        LIVES,
    ),
    Ordering(
        "page",
        "histogram/writer.rs",
        "self.table[page].store(line, Ordering::Release);",
        "self.table[page].store(line, Ordering::Relaxed);",
        "a_bucket_page_is_first_used_with_concurrent_reader",
    ),
    Ordering(
        "follow",
        "sync/static_ref.rs",
        "match self.0.compare_exchange(raw(from), raw(to), order, Ordering::Acquire) {",
        "match self.0.compare_exchange(raw(from), raw(to), order, Ordering::Relaxed) {",
        "two_threads_make_two_gauges",
    ),
    Ordering(
        "shared block",
        "segment/writer/blocks.rs",
        "let filling = self.shared.load(Ordering::Acquire);",
        "let filling = self.shared.load(Ordering::Relaxed);",
        "two_threads_make_two_gauges",
    ),
    Ordering(
        "shared block",
        "segment/writer/blocks.rs",
        "Some(Box::leak(Box::new(block))), Ordering::AcqRel);",
        "Some(Box::leak(Box::new(block))), Ordering::Acquire);",
        "two_threads_make_two_gauges",
    ),
    Ordering(
        "described",
        "observe/family_definition.rs",
        "self.0.store(pack(segment.ordinal, line.get()), Ordering::Release);",
        "self.0.store(pack(segment.ordinal, line.get()), Ordering::Relaxed);",
        "two_threads_link_their_blocks",
    ),
    Ordering(
        "shared",
        "observe/gauge.rs",
        "let current = self.series.shared.load(Ordering::Acquire).filter(",
        "let current = self.series.shared.load(Ordering::Relaxed).filter(",
        "two_threads_make_one_gauge",
    ),
    Ordering(
        "shared",
        "observe/gauge.rs",
        "let previous = series.shared.load(Ordering::Acquire);",
        "let previous = series.shared.load(Ordering::Relaxed);",
        "two_threads_make_one_gauge",
    ),
    Ordering(
        "shared",
        "observe/gauge.rs",
        "series.shared.compare_exchange(previous, Some(new), Ordering::AcqRel)",
        "series.shared.compare_exchange(previous, Some(new), Ordering::Acquire)",
        "two_threads_make_one_gauge",
    ),
    Ordering(
        "shared",
        "observe/series.rs",
        "let shared = self.shared.load(Ordering::Acquire);",
        "let shared = self.shared.load(Ordering::Relaxed);",
        "a_gauge_ends_while_its_lane_is_made",
    ),
    Ordering(
        "ids",
        "observe/series_ids.rs",
        "let existing = FREE.load(Ordering::Acquire);",
        "let existing = FREE.load(Ordering::Relaxed);",
        "two_threads_make_two_gauges",
    ),
    Ordering(
        "ids",
        "observe/series_ids.rs",
        "FREE.compare_exchange(existing, Some(new), Ordering::AcqRel)",
        "FREE.compare_exchange(existing, Some(new), Ordering::Acquire)",
        "two_threads_make_two_gauges",
    ),
    Ordering(
        "recycle",
        "ring/writer.rs",
        "self.lane.chunks.store(1, Ordering::Release);",
        "self.lane.chunks.store(1, Ordering::Relaxed);",
        LIVES,
    ),
    Ordering(
        "recycle",
        "histogram/writer.rs",
        "word.store(0, Ordering::Release)",
        "word.store(0, Ordering::Relaxed)",
        LIVES,
    ),
    Ordering(
        "fold",
        "histogram/writer.rs",
        "word.store(word.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);",
        "word.store(word.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);",
        FULL_RING,
    ),
    Ordering(
        "turn",
        "exemplar/writer.rs",
        "target.store(word, Ordering::Release);",
        "target.store(word, Ordering::Relaxed);",
        EXEMPLARS,
    ),
    Ordering(
        "whole",
        "exemplar/writer.rs",
        "slot.turn.store(turn.wrapping_add(2), Ordering::Release);",
        "slot.turn.store(turn.wrapping_add(2), Ordering::Relaxed);",
        EXEMPLARS,
    ),
    Ordering(
        "exemplify",
        "exemplar/writer.rs",
        "lane.exemplified.fetch_add(1, Ordering::Release);",
        "lane.exemplified.fetch_add(1, Ordering::Relaxed);",
        EXEMPLARS,
    ),
    Ordering(
        "recycle",
        "format/layout.rs",
        "self.head.store(0, Ordering::Release);",
        "self.head.store(0, Ordering::Relaxed);",
        LIVES,
    ),
    Ordering(
        "recycle",
        "format/layout.rs",
        "            word.store(0, Ordering::Release);",
        "            word.store(0, Ordering::Relaxed);",
        LIVES,
    ),
    Ordering(
        "recycle",
        "segment/writer/descriptors.rs",
        "            target.store(word, Ordering::Release);",
        "            target.store(word, Ordering::Relaxed);",
        SERIES,
    ),
    Ordering(
        "recycle",
        "observe/lane.rs",
        "head.store(sum.to_bits(), Ordering::Release);",
        "head.store(sum.to_bits(), Ordering::Relaxed);",
        SERIES,
    ),
    Ordering(
        "recycle",
        "observe/gauge_lane.rs",
        "head.fetch_update(Ordering::Release, Ordering::Acquire, unless_moved);",
        "head.fetch_update(Ordering::Relaxed, Ordering::Acquire, unless_moved);",
        SERIES,
    ),
    Ordering(
        "return",
        "observe/thread_lanes/ending.rs",
        "self.taken.compare_exchange(newest, Some(lane), Release)",
        "self.taken.compare_exchange(newest, Some(lane), Relaxed)",
        "a_lane_is_taken_from_a_growing_table",
    ),
    Ordering(
        "end",
        "observe/gauge.rs",
        ("        fence(Ordering::SeqCst);\n"),
        "",
        "a_gauge_ends_while_its_lane_is_made",
    ),
    Ordering(
        "end",
        "observe/series.rs",
        ("        fence(Ordering::SeqCst);\n        thread_lanes::end"),
        "        thread_lanes::end",
        "a_series_ends_while_its_lane_is_made",
    ),
    Ordering(
        "end",
        "observe/thread_lanes/attach.rs",
        ("        fence(SeqCst);\n        if series.incarnation()"),
        "        if series.incarnation()",
        "a_series_ends_while_its_lane_is_made",
    ),
    Ordering(
        "take",
        "observe/thread_lanes/table.rs",
        ("        fence(SeqCst);\n        for (to, from)"),
        "        for (to, from)",
        "a_lane_is_taken_from_a_growing_table",
    ),
    Ordering(
        "take",
        "observe/thread_lanes/table.rs",
        (
            "            fence(SeqCst);\n            let now = self.table.load(Acquire);\n"
            "            if now.map(std::ptr::from_ref) == table"
        ),
        (
            "            let now = self.table.load(Acquire);\n"
            "            if now.map(std::ptr::from_ref) == table"
        ),
        "a_lane_is_taken_from_a_growing_table",
    ),
    Ordering(
        "table",
        "observe/thread_lanes/table.rs",
        "self.table.store(Some(table), Release);",
        "self.table.store(Some(table), Relaxed);",
        "a_lane_is_taken_from_a_growing_table",
    ),
    Ordering(
        "table",
        "observe/thread_lanes/table.rs",
        ("= None;\n        let mut table = self.table.load(Acquire);"),
        ("= None;\n        let mut table = self.table.load(Relaxed);"),
        "a_series_ends_while_its_lane_is_made",
    ),
    Ordering(
        "table",
        "observe/thread_lanes/table.rs",
        ("let now = self.table.load(Acquire);\n            if now.map(std::ptr::from_ref) == table"),
        ("let now = self.table.load(Relaxed);\n            if now.map(std::ptr::from_ref) == table"),
        "a_lane_is_taken_from_a_growing_table",
    ),
    Ordering(
        "signal",
        "observe/thread_lanes/attach.rs",
        "slot.store(Some(lane), Release);",
        "slot.store(Some(lane), Relaxed);",
        "a_series_ends_while_its_lane_is_made",
    ),
    Ordering(
        "signal",
        "observe/thread_lanes/table.rs",
        ("let Some(lane) = slot.load(Acquire)\n                && lane.incarnation()"),
        ("let Some(lane) = slot.load(Relaxed)\n                && lane.incarnation()"),
        "a_series_ends_while_its_lane_is_made",
    ),
    Ordering(
        "kept",
        "observe/series.rs",
        "self.kept.compare_exchange(None, Some(lane), Ordering::Release)",
        "self.kept.compare_exchange(None, Some(lane), Ordering::Relaxed)",
        "a_gauge_expires_while_two_threads_set_it",
    ),
    Ordering(
        "kept",
        "observe/series.rs",
        (
            "let lane = self.kept.load(Ordering::Acquire)?;\n"
            "        let own = lane.ordinal == segment.ordinal;\n"
            "        (own && self.kept.compare_exchange(Some(lane), None, Ordering::AcqRel)"
        ),
        (
            "let lane = self.kept.load(Ordering::Relaxed)?;\n"
            "        let own = lane.ordinal == segment.ordinal;\n"
            "        (own && self.kept.compare_exchange(Some(lane), None, Ordering::Release)"
        ),
        "a_gauge_expires_while_two_threads_set_it",
    ),
    Ordering(
        "give back",
        "observe/thread_lanes/mod.rs",
        "!shard.leased.swap(true, Acquire)",
        "!shard.leased.swap(true, Relaxed)",
        "a_lane_is_handed_over",
    ),
    Ordering(
        "give back",
        "observe/thread_lanes/mod.rs",
        "self.leased.store(false, Release);",
        "self.leased.store(false, Relaxed);",
        "a_lane_is_handed_over",
    ),
    Ordering(
        "shards",
        "observe/thread_lanes/mod.rs",
        "let mut newest = SHARDS.load(Acquire);",
        "let mut newest = SHARDS.load(Relaxed);",
        "two_threads_link_their_blocks",
    ),
    Ordering(
        "shards",
        "observe/thread_lanes/mod.rs",
        "SHARDS.compare_exchange(newest, Some(shard), Release)",
        "SHARDS.compare_exchange(newest, Some(shard), Relaxed)",
        "two_threads_link_their_blocks",
    ),
    Ordering(
        "shards",
        "observe/thread_lanes/mod.rs",
        "iter::successors(SHARDS.load(Acquire), |",
        "iter::successors(SHARDS.load(Relaxed), |",
        "two_threads_link_their_blocks",
    ),
]

LEFT_OUT = [
    LeftOut("observe/thread_lanes/lease.rs", "let number = shard.lease.load(Acquire);", "", LEAVE),
    LeftOut(
        "observe/thread_lanes/parking.rs",
        "self.lease.fetch_add(1, std::sync::atomic::Ordering::Release)",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/gauge_lane.rs",
        "head.fetch_update(Ordering::Release, Ordering::Acquire, unless_moved);",
        "Acquire",
        LEAVE,
    ),
    LeftOut(
        "observe/gauge_lane.rs",
        "self.next.store(Some(to), Ordering::Release);",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/gauge_lane.rs",
        "head.compare_exchange(state, MOVED, Ordering::AcqRel, Ordering::Relaxed)",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/gauge_lane.rs",
        "self.next.load(Ordering::Acquire)?;",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/gauge_lane.rs",
        "compare_exchange(AWAITED, carried, Ordering::Release, Ordering::Relaxed)",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/series.rs",
        "let Some(old) = self.shared.load(Ordering::Acquire)",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/series.rs",
        "self.shared.compare_exchange(Some(old), Some(new), Ordering::AcqRel)",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/series.rs",
        ("        fence(Ordering::SeqCst);\n        let is_shown"),
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/series.rs",
        "self.shared.compare_exchange(Some(new), None, Ordering::AcqRel)",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/thread_lanes/parking.rs",
        ("= Vec::new();\n        let mut table = self.table.load(Acquire);"),
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/thread_lanes/parking.rs",
        ("let Some(lane) = slot.load(Acquire)\n                    && lane.shape()"),
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/thread_lanes/parking.rs",
        ("== ordinal\n                    && slot.compare_exchange(Some(lane), None, AcqRel).is_ok()"),
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/thread_lanes/parking.rs",
        (
            "            fence(SeqCst);\n            let now = self.table.load(Acquire);\n"
            "            if now.map(std::ptr::from_ref) == Some"
        ),
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/thread_lanes/parking.rs",
        "self.parked.compare_exchange(newest, Some(lane), Release)",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/thread_lanes/parking.rs",
        "iter::successors(self.parked.load(Acquire), |",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/thread_lanes/attach.rs",
        "self.visits.fetch_add(1, std::sync::atomic::Ordering::Release);",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/thread_lanes/parking.rs",
        "shard.visits.load(std::sync::atomic::Ordering::Acquire) != *visits",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/thread_lanes/parking.rs",
        "|| !shard.leased.load(Acquire);",
        "",
        LEAVE,
    ),
    LeftOut(
        "observe/thread_lanes/parking.rs",
        "visits: shard.visits.load(std::sync::atomic::Ordering::Acquire) }",
        "",
        LEAVE,
    ),
    LeftOut(
        "segment/writer/mod.rs",
        ("        fence(Ordering::SeqCst);\n"),
        "",
        LEAVE,
    ),
    LeftOut(
        "format/layout.rs",
        "self.series.compare_exchange(word | UNPUBLISHED, word, Ordering::AcqRel, Ordering::Relaxed)",
        "Acquire",
        "what it replaces, the same thread stored",
    ),
    LeftOut(
        "format/layout.rs",
        "self.series.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |_| Some(UNPUBLISHED))",
        "",
        "who reads it reads nothing more; who clears the lane has it from *return* or *kept*, which release",
    ),
    LeftOut(
        "segment/writer/mod.rs",
        "header.cursor.store(Header::LINES, Ordering::Release);",
        "",
        "before anybody has the segment, which a rename or an `Arc` hands on",
    ),
    LeftOut(
        "segment/writer/blocks.rs",
        "Some(Box::leak(Box::new(block))), Ordering::AcqRel);",
        "Acquire",
        IN,
    ),
    LeftOut(
        "observe/gauge.rs",
        "series.shared.compare_exchange(previous, Some(new), Ordering::AcqRel)",
        "Acquire",
        IN,
    ),
    LeftOut(
        "observe/gauge.rs",
        "series.shared.compare_exchange(Some(new), None, Ordering::AcqRel)",
        "",
        OUT,
    ),
    LeftOut(
        "observe/series.rs",
        "self.shared.compare_exchange(Some(lane), None, Ordering::AcqRel)",
        "",
        OUT,
    ),
    LeftOut(
        "observe/series.rs",
        "(own && self.kept.compare_exchange(Some(lane), None, Ordering::AcqRel)",
        "Release",
        OUT,
    ),
    LeftOut(
        "observe/series.rs",
        "if let Some(lane) = self.kept.load(Ordering::Acquire)",
        "",
        "the last handle is gone: its `Arc` orders all that was done through others",
    ),
    LeftOut(
        "observe/series_ids.rs",
        "FREE.compare_exchange(existing, Some(new), Ordering::AcqRel)",
        "Acquire",
        IN,
    ),
    LeftOut(
        "observe/family_definition.rs",
        "let written = self.0.load(Ordering::Acquire);",
        "",
        "the fence of *end* stands between it and the lane's publication",
    ),
    LeftOut(
        "observe/series.rs",
        "        self.incarnation.load(Ordering::Acquire)\n",
        "",
        LIFE,
    ),
    LeftOut(
        "observe/series.rs",
        "self.incarnation.compare_exchange(expired, active, Ordering::AcqRel, Ordering::Relaxed)",
        "",
        LIFE,
    ),
    LeftOut(
        "observe/series.rs",
        "self.incarnation.fetch_update(Ordering::AcqRel, Ordering::Relaxed, ended)",
        "",
        LIFE,
    ),
    LeftOut(
        "observe/series.rs",
        "self.incarnation.fetch_update(Ordering::AcqRel, Ordering::Relaxed, forgotten)",
        "",
        LIFE,
    ),
    LeftOut(
        "observe/thread_lanes/table.rs",
        ("== life\n                && slot.compare_exchange(Some(lane), None, AcqRel).is_ok()"),
        "",
        OUT,
    ),
    LeftOut(
        "observe/thread_lanes/attach.rs",
        ("        if slot.compare_exchange(Some(lane), None, AcqRel).is_ok() {\n            stock.release"),
        "",
        OUT,
    ),
    LeftOut(
        "observe/thread_lanes/attach.rs",
        "self.taken.compare_exchange(newest, None, AcqRel)",
        "",
        OUT,
    ),
    LeftOut(
        "observe/thread_lanes/mod.rs",
        "|shard| shard.next.load(Acquire))",
        "",
        "the exchanges that put shards in are one release sequence: who acquired the newest acquired all",
    ),
    LeftOut(
        "format/source.rs",
        ("            }\n        }\n        fence(Ordering::Acquire);"),
        "",
        "`pread`: the kernel copies, which no model runs; a call into it orders no less than a fence",
    ),
    LeftOut(
        "segment/mapping.rs",
        "self.committed.load(Ordering::Acquire).min(self.reserved.load(Ordering::Acquire))",
        "",
        "a length: what it lets touch are pages that the kernel made, zeroed, before it said so",
    ),
    LeftOut(
        "segment/mapping.rs", "self.parts.iter().map_while(|part| part.load(Ordering::Acquire))", "", PARTS
    ),
    LeftOut("segment/mapping.rs", "entry.compare_exchange(None, Some(part), Ordering::AcqRel)", "", PARTS),
    LeftOut("segment/mapping.rs", "let begin = self.reserved.load(Ordering::Acquire);", "", PARTS),
    LeftOut("segment/mapping.rs", "self.reserved.fetch_max(had, Ordering::Release);", "", PARTS),
    LeftOut("segment/mapping.rs", "self.committed.fetch_max(end, Ordering::Release);", "", PARTS),
]
