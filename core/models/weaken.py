#!/usr/bin/env python3
"""Weakens each memory ordering, one at a time, and checks that its test then fails.

`make weaken` does this for all orderings, in a copy of the tree; `weaken.py publish` for those of
that name. `weaken.py --check` only compares the table with the source and with
docs/memory-ordering.md: each ordering stronger than Relaxed is in the table, or is left out with a
reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from orderings import LEFT_OUT, NOT_MODELLED, ORDERINGS, Ordering

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "core/src"
PAGE = ROOT / "docs/memory-ordering.md"
# Longer than any model or test without a weakened ordering takes.
SECONDS = 900
HALVES = {"Acquire", "Release"}


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit status."""
    faults = compare_source()
    if arguments == ["--check"]:
        faults += compare_page()
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        return 1
    if arguments == ["--check"]:
        print(f"{len(ORDERINGS)} weakenings, each of one place in the source; {len(LEFT_OUT)} left out")
        return 0
    chosen = [entry for entry in ORDERINGS if not arguments or entry.name in arguments]
    if not chosen:
        print(f"there are: {', '.join(sorted({entry.name for entry in ORDERINGS}))}", file=sys.stderr)
        return 2
    return weaken_all(chosen)


def code(path: Path) -> str:
    """Returns the compiled text at its offsets: comments, imports and compiler fences are blanked."""
    text = path.read_text()
    text = text.split("\n#[cfg(test)]\nmod tests", 1)[0]
    for pattern in [r"//[^\n]*", r"compiler_fence\([^)]*\)", r"^ *(pub(\([^)]*\))? )?use [^;]*;"]:
        text = re.sub(pattern, lambda match: re.sub(r"\S", " ", match[0]), text, flags=re.MULTILINE)
    return text


def is_test(path: Path) -> bool:
    """Returns whether a file is compiled into tests only."""
    parts = set(path.relative_to(SOURCES).parts)
    return bool({"tests", "tests.rs", "store_trace.rs", "weak_memory.rs"} & parts)


def lost_by(entry: Ordering) -> set[str]:
    """Returns the halves of an ordering that the weakened form lacks."""
    kept = set(re.findall(r"\b(?:Release|Acquire|AcqRel)\b", entry.weakened))
    return set() if "AcqRel" in kept else HALVES - kept


def compare_source() -> list[str]:
    """Returns the differences between the tables and the source."""
    faults: list[str] = []
    # For each file: the places, and the covered halves of an AcqRel there.
    covered: dict[str, list[tuple[range, set[str]]]] = {}
    weakened = [(entry.file, entry.snippet, lost_by(entry)) for entry in ORDERINGS]
    left_out = [(out.file, out.snippet, {out.half} if out.half else HALVES) for out in LEFT_OUT]
    for file, snippet, halves in weakened + left_out:
        text = (SOURCES / file).read_text()
        count = text.count(snippet)
        if count != 1:
            faults.append(f"{file}: {count} times instead of once: {snippet!r}")
        at = text.find(snippet)
        covered.setdefault(file, []).append((range(at, at + len(snippet)), halves))
    for path in sorted(SOURCES.rglob("*.rs")):
        if is_test(path):
            continue
        file, text = str(path.relative_to(SOURCES)), code(path)
        if file in NOT_MODELLED:
            continue
        for match in re.finditer(r"\b(Release|Acquire|AcqRel|SeqCst)\b", text):
            needed = HALVES if match[0] == "AcqRel" else {match[0]} & HALVES
            covering = [halves for span, halves in covered.get(file, []) if match.start() in span]
            if not covering or needed - set().union(*covering):
                line = text.count("\n", 0, match.start()) + 1
                faults.append(f"core/src/{file}:{line}: {match[0]} is not in core/models/orderings.py")
    return faults


def compare_page() -> list[str]:
    """Returns the orderings and tests that docs/memory-ordering.md lacks."""
    faults: list[str] = []
    page = PAGE.read_text()
    for entry in ORDERINGS:
        if f"| {entry.name} |" not in page:
            faults.append(f"docs/memory-ordering.md has no row {entry.name}")
        elif entry.evidence not in page:
            faults.append(f"docs/memory-ordering.md does not name {entry.evidence}")
    return faults


def weaken_all(chosen: list[Ordering]) -> int:
    """Weakens one ordering after another; returns the exit status."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "weaken"
    tree = target / "tree"
    copy_tree(tree)
    for evidence in sorted({entry.evidence for entry in chosen}):
        verdict, said = run(tree, target, evidence)
        if verdict != "passes":
            print(f"{evidence} {verdict} where nothing is weakened\n{said}", file=sys.stderr)
            return 1
    missed = 0
    for entry in chosen:
        source = tree / "core/src" / entry.file
        whole = source.read_text()
        source.write_text(whole.replace(entry.snippet, entry.weakened))
        started = time.monotonic()
        verdict, first = run(tree, target, entry.evidence)
        source.write_text(whole)
        caught = verdict == "fails"
        missed += not caught
        said = "caught" if caught else f"NOT caught ({verdict})"
        took = time.monotonic() - started
        change = " ".join(f"{entry.snippet} -> {entry.weakened}".split())
        print(
            f"{said:10} {entry.name:12} {entry.file:18} {entry.evidence}, {took:.0f} s: {first}", flush=True
        )
        if not caught:
            print(f"           {change}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} caught")
    return 1 if missed else 0


def copy_tree(tree: Path) -> None:
    """Updates a copy of the working tree; unchanged files keep their build results."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    names = [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]
    for stale in {path for path in tree.rglob("*") if path.is_file()} - {tree / name for name in names}:
        stale.unlink()
    for name in names:
        source, copy = ROOT / name, tree / name
        if not copy.is_file() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)


def run(tree: Path, target: Path, evidence: str) -> tuple[str, str]:
    """Returns whether a model or a test passes, and the first line of its failure."""
    if "::" in evidence:
        command = ["cargo", "test", "--package", "ictus", "--lib", "--locked", "--target-dir", str(target)]
        environment = dict(os.environ)
    else:
        command = [str(tree / ".ci/loom.sh")]
        environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    environment["RUST_BACKTRACE"] = "0"
    exact = ["--exact", evidence]
    built = subprocess.run(
        [*command, "--no-run"], check=False, cwd=tree, env=environment, capture_output=True, text=True
    )
    if built.returncode != 0:
        return "does not build", built.stderr
    try:
        ran = subprocess.run(
            [*command, "--", *exact],
            check=False,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"does not end in {SECONDS} s", ""
    output = ran.stdout + ran.stderr
    if "running 1 test" not in output:
        return "is not there", output
    if ran.returncode == 0:
        return "passes", ""
    panic = re.search(r"panicked at [^\n]*\n([^\n]*)", output)
    return ("fails", panic[1]) if panic else ("dies without a word", output[-300:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
