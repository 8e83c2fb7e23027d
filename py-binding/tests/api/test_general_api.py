"""The table of docs/sdks.md that lists the general API of each language, compared with the code.

It must list every public function, and no other: a function that is new in one language shows here
which languages lack it.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness import TESTS

ROOT = TESTS.parents[1]
PAGE = (ROOT / "docs/sdks.md").read_text(encoding="utf-8")
UNLISTED = {
    # The catalog is in the table of adapters; the rest is about the library, not about metrics.
    "C": {
        "abi_version",
        "catalog_count",
        "catalog_counter_new",
        "catalog_gauge_new",
        "catalog_label_count",
        "catalog_timer_new",
        "error_text",
        "log_set",
        "status_text",
        "version",
    },
    "Go": {"ConductorCounter", "ConductorGauge", "ConductorTimer", "Error", "Unwrap"},
    "JavaScript": {"constructor", "contentType", "count", "metrics", "pointer", "status", "sum", "window"},
    "Java": {"Str", "Timing", "status"},
    "Ruby": {"conductor", "create", "initialize", "number", "read", "series"},
}
"""Names that are found in the code but are no part of the general API."""
PATTERNS = {
    "C": (r"^[\w ]*?\*?ictus_(\w+)\(", ["include/ictus.h"]),
    "Go": (r"^func (?:\(\w \*?\w+\) )?([A-Z]\w*)\(", ["bindings/go/*.go"]),
    "JavaScript": (r"^  (?:readonly )?(\w+)(?:<T>)?[(:]", ["bindings/javascript/src/index.d.ts"]),
    "Java": (r"^ +public [^=;{]*?(\w+)\(", ["bindings/java/src/main/java/io/ictus/*.java"]),
    "Ruby": (r"^    def (?:self\.)?(\w+)", ["bindings/ruby/lib/ictus/registry.rb"]),
    "C++": (r"\b(\w+)\(", ["include/ictus.hpp"]),
    "Python": (r"def (\w+)\(", ["py-binding/python/ictus/*.py*"]),
}
"""How a language's functions are found, and in which files."""
TYPES = r"^ *(?:export )?(?:public )?(?:final )?(?:class|interface|module|type) (\w+)"


def sources(patterns: list[str]) -> str:
    files = [path for pattern in patterns for path in sorted(ROOT.glob(pattern)) if not is_test(path)]
    assert files, patterns
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def is_test(path: Path) -> bool:
    return path.name.endswith("_test.go")


def functions(language: str) -> set[str]:
    pattern, files = PATTERNS[language]
    return set(re.findall(pattern, sources(files), re.MULTILINE)) - UNLISTED.get(language, set())


def types(language: str) -> set[str]:
    files = ["bindings/ruby/lib/ictus/*.rb"] if language == "Ruby" else PATTERNS[language][1]
    return set(re.findall(TYPES, sources(files), re.MULTILINE))


def columns() -> dict[str, set[str]]:
    """The names that the table lists for each language."""
    section = PAGE.split("## The general API in each language\n", 1)[1].split("\n## ", 1)[0]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("| ")
    ]
    header, *rows = lines
    assert len(rows) > 12
    for row in rows:
        assert len(row) == len(header), row
        assert all(row), row
    return {
        language: {name for row in rows for name in re.findall(r"`(\w+)`", row[index])}
        for index, language in enumerate(header)
        if index
    }


def test_listed_functions_exist() -> None:
    listed = columns()
    assert set(listed) == set(PATTERNS)
    for language, names in listed.items():
        assert names - functions(language) - types(language) == set(), language


def test_public_functions_are_listed() -> None:
    listed = columns()
    for language in UNLISTED:
        result = functions(language) - types(language)
        assert result - listed[language] == set(), language


def test_names_without_a_row_exist() -> None:
    for language, names in UNLISTED.items():
        pattern, files = PATTERNS[language]
        assert names - set(re.findall(pattern, sources(files), re.MULTILINE)) == set(), language
