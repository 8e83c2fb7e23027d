"""Tests that the check of the docs' language reports each kind of fault, and nothing in code."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness import TESTS

if TYPE_CHECKING:
    from pathlib import Path

ROOT = TESTS.parents[1]
LONG = "word " * 35 + "word."
CLEAN = f"""\
# A page

Run `{"x " * 20}` {"a " * 10}
and read [the page](https://example.com/{"x" * 120}).

```sh
whoever looks says {LONG} {"x" * 120}
```

    nobody {"x" * 120}

| {"x" * 90} | {"y" * 90} |
|---|---|
"""


def check(text: str, name: str = "page.md") -> tuple[int, list[str]]:
    """Returns the status and the faults of a page, which must lie in the repository."""
    folder = ROOT / "target" / "prose"
    folder.mkdir(parents=True, exist_ok=True)
    path: Path = folder / name
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, str(ROOT / ".ci" / "prose.py"), str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.stderr == ""
    return ran.returncode, [line.removeprefix(f"target/prose/{name}:") for line in ran.stdout.splitlines()]


def test_code_tables_and_targets_of_links_are_not_checked() -> None:
    assert check(CLEAN) == (0, [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"First.\n\n- {LONG}\n", "3: 36 words: "),
        (f"| a | {LONG} |\n", "1: 36 words: "),
        (f"First. {LONG.capitalize()}\nSecond.\n", "1: 36 words: "),
        ("The file\nsays so.\n", "1: speech: "),
        ("Readers are\nbeside writers.\n", "1: beside: "),
        ("## Look anew\n", "1: anew: "),
        ("Who waits? Whoever asks.\n", "1: who: "),
        ("What is over counts. What was lost stays.\n", "1: what: "),
        (f"{'x' * 101}\n", "1: columns: 101"),
    ],
)
def test_fault_is_reported_with_its_line(text: str, fault: str) -> None:
    status, faults = check(text)
    assert status == 1
    assert any(line.startswith(fault) for line in faults), faults


def test_comments_of_examples_are_checked() -> None:
    status, faults = check("key: value\n# Whoever reads\n# it is told so.\n", "example.yaml")
    assert status == 1
    assert [line.split(":")[1] for line in faults] == [" speech"]
