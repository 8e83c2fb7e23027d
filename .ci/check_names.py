#!/usr/bin/env python3
"""Checks names: no retired identifier, no type name twice in a crate, no file names that differ by a plural.

A retired word was an image or was hard to understand; docs/glossary.md has the terms in use. Numbers that
share a word have names, too: code takes a word apart by the type of the word, and not by a shift.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# These are whole identifiers in code. Comments are prose, which .ci/prose.py checks.
RETIRED = set(
    re.findall(
        r"\w+",
        """
        Asked Complaints Copied Copies DescribedFamily Duplex Everybody Eyes FamilyRecord
        ForeignSample Gaze Glimpse Guest Happening Holds Landing LaneHead Laps NoLane Nobodys Pace
        Planned SeriesPlace SeriesRecord SharedBlock SharedLane Stock Unreadable LEAST_TABLE
        LONGEST_TRACE_ID MANY_SEGMENTS NO_ROOM SECONDS_A_COUNT TOLD UNFINISHED
        ictus_conductor_counter_new ictus_conductor_gauge_new ictus_conductor_timer_new ictus_level
        ictus_log ictus_recorder ictus_write ictus_lanes_unshared_total ictus_windows_short_total
        KEEPS_ALL MAX_SAID beside circumstances each_call refuse_others say_whether_sdk_is_there
        time_them with_begun with_spelled
        OwnReader Rationed Folded Glimpses Wanders SPELLED UNPLACED add_classic add_exponential
        add_to_new_page add_up approach_an_end before_fork by_halves by_mantissas clear_opened
        distrust drop_shape expect_again forget_parents_lanes free_gauge freed_gauge go_on goes_on
        hand_over is_fit is_no_gauge is_nothing is_to_be_retired keep_lane keep_series kept_lane
        knew known_series left_over look_closer not_opened observe_unusual observe_usual of_losses
        of_ring own_exemplars own_samples own_snapshot place_of push_behind push_first put_news
        put_totals record_in_new_lane recorded_counter recorded_gauge recorded_timer
        refused_file_system remove_unfinished rounded_off seconds_a_count snapshot_within
        standing_totals sum_before table_for trusts_processor_counter unfinished_name upto
        with_new_lane with_rest
        Lost arrange newest_gone recorded_state sixteenth sixteenths take_back
        """,
    )
)
RETIRED_FILES = set(
    re.findall(
        r"[\w.]+",
        """
        _around.py _clean.py _guests.py _notice.py _provide.py adoption.rs bound.c checked.rs
        conductors.py contest.py copies.rs extremes.rs eyes.rs full.py green.py guest.py guest.rs
        guests.rs host.py http_peer.py house.rs kept.rs killed.py known.rs late.py left_out.rs
        loaded.c metrics_md.rs names.py nothing.py observe_itself.py off.py ours.rs peers.rs
        provide.py provide.rs quiet.rs shapes.rs spawned.py stock.rs strangers.rs switch.py
        teardown.rs test_around.py test_honoured.py test_off.py test_pains.py watched.rs
        """,
    )
)

# Locals with these names need the body to be understood: use the noun of the thing, such as segment or index.
LOCALS = "asked|before|found|held|known|made|news|place|room|taken"
# Statements that bind a name, by language. Fields and methods are not bound.
BINDINGS = {
    ".rs": rf"\blet (?:mut )?(?:{LOCALS})\b|\bfor (?:{LOCALS}) in\b"
    rf"|\b(?:Some|Ok|Err)\((?:mut )?(?:{LOCALS})\)|\bfn .*\b(?:{LOCALS}): |\|&?(?:{LOCALS})[|,:]",
    ".py": rf"^\s*(?:{LOCALS})(?:: [^=]+)? = |\bfor (?:{LOCALS}) in\b|\blambda (?:{LOCALS}):"
    rf"|\bdef .*[(,] ?(?:{LOCALS})[:,)=]|\bas (?:{LOCALS}):",
    ".go": rf"\b(?:{LOCALS})(?:, \w+)? :=|\bvar (?:{LOCALS})\b|, (?:{LOCALS}) :=",
    ".js": rf"\b(?:const|let|var) (?:{LOCALS})\b|\((?:{LOCALS})\) =>|\bfunction .*[(, ](?:{LOCALS})[,)]",
    ".java": rf"\b[A-Z]\w*(?:<.*>)? (?:{LOCALS}) ?[=:;,)]"
    rf"|\b(?:var|int|long|double|boolean) (?:{LOCALS}) ?[=:;,)]",
    ".rb": rf"^\s*(?:{LOCALS}) = |\|(?:{LOCALS})[|,]|\bdef .*[(, ](?:{LOCALS})[,):]",
    ".c": rf"^\s*\w[\w ]* \*?(?:{LOCALS})(?: = |;|\[)",
}
# Folders and files that may, and the reason.
HAVE_SUCH_LOCALS = {
    "core/src/failpoint.rs": "the failpoint that a process was asked to run into",
    "core/src/policy/series_limit.rs": "the values before a limit is applied",
    "core/src/ring/chunk_copy.rs": "the sum before a chunk",
    "exporter/src/http/socket_file.rs": "a socket that is made before it has its name",
    "fuzz/fuzz_targets/c_calls.rs": "what a call of C found",
    "include": "objects that a call of C made, which no wrapper owns yet",
}
# Types that share a name in one crate, and the reason.
SHARED_TYPES = {
    "core": {
        "Counter": "a handle, and a message of the protobuf exposition",
        "Gauge": "a handle, and a message of the protobuf exposition",
        "Metric": "a message of the protobuf exposition, and the sealed half of a trait",
        "MetricHandle": "a trait and its sealed half",
        "Exemplar": "data, and a message of the protobuf exposition",
        "Family": "what records, and the data of a snapshot",
        "Series": "what records, and the data of a snapshot",
        "LocalSegments": "replaced by a type without values in a build that does not record",
    },
    "exporter": {
        "Acceptor": "replaced by a type without values in a build without TLS",
        "Identity": "replaced by a type without values in a build without TLS",
    },
    "py-binding": {},
    "ffi-c": {},
    "benches": {},
}
DECLARATION = re.compile(
    r"^ *(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union) +(\w+)|^(?:pub(?:\([^)]*\))? )?type +(\w+)",
    re.MULTILINE,
)
# A shift by half a word, or a mask of it. The number 2^32 is neither.
HALVES = re.compile(
    r"(?<!\b1 )(?<!\b1u64 )(?:<<|>>)=? 32\b|\b1(?:u64)? << 32\)?\s*\|"
    r"|&\s*!?u64::from\(u32::MAX\)|&\s*!?0xffff_?ffff\b",
    re.IGNORECASE,
)
# Files of the crates that may, and the reason.
TAKES_HALVES = {
    "core/src/packed.rs": "packs and unpacks words for all others",
    "py-binding/src/log.rs": "one word, private to the file, of a crate that cannot import core's packed.rs",
}
CODE = {".rs", ".py", ".c", ".h", ".hpp", ".cpp", ".go", ".java", ".js", ".rb"}
COMMENTS = {".py": r"#.*", ".rb": r"#.*"}


def main() -> int:
    """Prints the violations; returns the exit status."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    files = [Path(name) for name in listed.stdout.split("\n") if name and (ROOT / name).is_file()]
    self_check()
    faults = (
        retired(files)
        + locals_without_noun(files)
        + twice(files)
        + plurals(files)
        + halves(files)
        + regressions(files)
    )
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"{len(files)} files: no retired name, no type twice, no plural of a file, no half of a word")
    return 1 if faults else 0


def retired(files: list[Path]) -> list[str]:
    """Returns retired identifiers and file names."""
    faults = [f"{file}: this file name is retired" for file in files if file.name in RETIRED_FILES]
    for file in files:
        if file.suffix not in CODE or file == Path(__file__).resolve().relative_to(ROOT):
            continue
        for number, line in enumerate((ROOT / file).read_text(errors="replace").split("\n"), 1):
            code = without_prose(file, line)
            faults += [
                f"{file}:{number}: {word} is retired; see docs/glossary.md"
                for word in RETIRED.intersection(re.findall(r"\w+", code))
            ]
    return faults


def locals_without_noun(files: list[Path]) -> list[str]:
    """Returns bindings of names that need the body to be understood."""
    faults = []
    for file in files:
        allowed = any(file.is_relative_to(folder) for folder in HAVE_SUCH_LOCALS)
        if file.suffix not in BINDINGS or allowed or file.name.endswith(".min.js"):
            continue
        for number, line in enumerate((ROOT / file).read_text(errors="replace").split("\n"), 1):
            match = re.search(BINDINGS[file.suffix], without_prose(file, line))
            if match:
                faults.append(f"{file}:{number}: {match.group().strip()!r}: name what the local holds")
    return faults


def self_check() -> None:
    """Checks that each language's bindings are recognised, and that fields, calls and prose are not."""
    bound = {
        ".rs": [
            "let mut known = 1;",
            "for held in all {",
            "if let Some(found) = x {",
            "fn f(place: usize) {",
            "|news| 1",
        ],
        ".py": ["    taken = 1", "for held in all:", "def f(a: int, made: int) -> None:", "lambda found: 1"],
        ".go": ["\tfound, err := f()", "var known int"],
        ".js": ["const made = 1;", "let known;", "all.map((found) => 1)"],
        ".java": ["    String found = f();", "for (var held : all) {", "void f(List<String> known) {"],
        ".rb": ["  made = 1", "all.each do |found|"],
        ".c": ["    ictus_timer *made = NULL;", "    int room;"],
    }
    free = {
        ".rs": ["self.known = 1;", "x.taken()", "let known_series = 1; // let known", '"let place"'],
        ".py": ["self.made = 1", "f(before=1)", "# known = 1"],
    }
    for wanted, examples in ((True, bound), (False, free)):
        for suffix, lines in examples.items():
            for line in lines:
                code = without_prose(Path(f"x{suffix}"), line)
                assert bool(re.search(BINDINGS[suffix], code)) is wanted, (suffix, line)


def without_prose(file: Path, line: str) -> str:
    """Returns a line of code without its comment and the text of its strings."""
    code = re.sub(COMMENTS.get(file.suffix, r"(//|^\s*/?\*).*"), "", line)
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', code)


def halves(files: list[Path]) -> list[str]:
    """Returns the lines of the crates' sources that take a word apart."""
    faults = []
    for file in files:
        if file.suffix != ".rs" or "src" not in file.parts[:2] or str(file) in TAKES_HALVES:
            continue
        code = "\n".join(without_prose(file, line) for line in (ROOT / file).read_text().split("\n"))
        faults += [
            f"{file}:{code.count(chr(10), 0, match.start()) + 1}: {match.group()!r} takes a word apart: give "
            "the word a type, or use pack and unpack (core/src/packed.rs)"
            for match in HALVES.finditer(code)
        ]
    return faults


def twice(files: list[Path]) -> list[str]:
    """Returns types of one crate that have the same name."""
    faults = []
    for crate, shared in SHARED_TYPES.items():
        declarations: dict[str, set[Path]] = defaultdict(set)
        for file in files:
            if file.parts[:2] == (crate, "src") and "tests" not in file.stem and "tests" not in file.parts:
                text = (ROOT / file).read_text().split("\n#[cfg(test)]\nmod tests", 1)[0]
                for declared, alias in DECLARATION.findall(text):
                    declarations[declared or alias].add(file)
        for name, where in sorted(declarations.items()):
            if len(where) > 1 and name not in shared:
                places = ", ".join(sorted(str(file) for file in where))
                faults.append(f"{name} is declared in {places}: give each a name of its own")
    return faults


def plurals(files: list[Path]) -> list[str]:
    """Returns files of one folder whose names differ by an s."""
    names = {str(file.with_suffix("")): file for file in files if file.suffix in CODE}
    pairs = [(file, names.get(f"{name}s")) for name, file in names.items()]
    return [f"{file} and {other} differ by an s" for file, other in pairs if other]


def regressions(files: list[Path]) -> list[str]:
    """Returns files of former failures that proptest does not read, because their tests have moved."""
    faults = []
    for file in files:
        if file.suffix == ".txt" and "proptest-regressions" in file.parts:
            at = file.parts.index("proptest-regressions")
            crate, source = Path(*file.parts[:at]), Path(*file.parts[at + 1 :]).with_suffix(".rs")
            of_crate = [other.parts[at + 1 :] for other in files if other.is_relative_to(crate)]
            if source.parts not in of_crate:
                faults.append(f"{file}: no test reads it; move it as its source {source.name} was moved")
    return faults


if __name__ == "__main__":
    sys.exit(main())
