#!/usr/bin/env python3
"""Checks the language of pages and comments: sentences that a reader understands at first reading.

`.ci/prose.py [FILE...]` checks all Markdown pages and the comments of the examples in docs/, or the
files named, and prints each fault as `file:line: rule: sentence`. `--comments` checks the comments
and docstrings of all source files instead: Rust, Python, C, C#, Go, Java, JavaScript, Ruby, shell,
TOML, YAML, HTML and CSS. `--table` prints the figures of each file.

The rules and the limits are in language/rules.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from language.comments import comments, is_read, summaries
from language.markdown import prose, split, wide
from language.rules import BANNED, DIALECT, MAX_DIALECT, Report, check, matches

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ("docs/*.yml", "docs/*.yaml", "docs/*.service", "docs/*Dockerfile", "docs/*.txt")
"""Files that users copy or read, with comments that begin with `#`."""
GENERATED = ("benches/RESULTS.md",)
"""Pages written by a program, whose notes are single lines."""
EXTERNAL = (
    "exporter/page/vendor/",
    "fuzz/seeds/",
    "core/tests/proptest-regressions/",
    "core/proptest-regressions/",
)
"""Folders whose files are written by others, or by programs."""
HEAD = f"{'file':44} {'words':>6} {'dial.':>5} {'/1000':>6} {'banned':>6} {'long':>5} {'form':>5}"


def name_of(path: Path) -> str:
    """Returns the path of a file in the repository, or the name of another file."""
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def page(path: Path) -> Report:
    """Checks a page."""
    text = path.read_text(encoding="utf-8")
    name = name_of(path)
    report = check(name, [sentence for line, part in prose(text) for sentence in split(line, part)])
    report.form = [f"{name}:{fault}" for fault in wide(text)]
    return report


def source(path: Path) -> Report:
    """Checks the comments of a source file."""
    text = path.read_text(encoding="utf-8")
    name = name_of(path)
    parts = [(start + at - 1, part) for start, comment in comments(path, text) for at, part in prose(comment)]
    report = check(name, [sentence for line, part in parts for sentence in split(line, part)])
    report.form = [f"{name}:{fault}" for fault in summaries(path, text)]
    return report


def tracked(*patterns: str) -> list[Path]:
    """Returns the files of the repository that match, by name."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = sorted(set(listed.stdout.splitlines()))
    return [ROOT / name for name in names if (ROOT / name).is_file() and not name.startswith(EXTERNAL)]


def faults(reports: list[Report]) -> Iterator[str]:
    """Yields everything that fails the check."""
    for report in reports:
        yield from report.banned
        yield from report.long
        yield from report.form
        if len(report.dialect) > max(1, MAX_DIALECT * report.words / 1000):
            yield from report.dialect
    total = sum(report.words for report in reports)
    clauses = sum(len(report.dialect) for report in reports)
    if len(reports) > 1 and 1000 * clauses > MAX_DIALECT * total:
        yield f"{1000 * clauses / total:.2f} dialect clauses per 1,000 words; {MAX_DIALECT} are allowed"


def total_of(reports: list[Report]) -> Report:
    """Returns the sums of all files."""
    total = Report("total")
    for report in reports:
        total.words += report.words
        for name in ("dialect", "banned", "long", "form"):
            getattr(total, name).extend(getattr(report, name))
    return total


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit status, which is 1 if a file fails."""
    for rule in (*DIALECT, *BANNED):
        assert matches(rule, rule.example), f"the rule {rule.name} does not find its example"
    files = [Path(argument) for argument in arguments if not argument.startswith("--")]
    if not files and "--comments" in arguments:
        files = [path for path in tracked() if path.suffix != ".md" and is_read(path)]
    elif not files:
        files = [path for path in tracked("*.md", *EXAMPLES) if name_of(path) not in GENERATED]
    reports = [page(path) if path.suffix == ".md" else source(path) for path in files]
    if "--table" in arguments:
        print(HEAD, *(report.row() for report in [*reports, total_of(reports)]), sep="\n")
        return 0
    failed = [*faults(reports)]
    print(*failed, sep="\n", end="\n" if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
