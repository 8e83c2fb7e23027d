"""Replays the inputs of the fuzz target of the Python API: seeds, and inputs that failed once."""

from __future__ import annotations

import subprocess
import sys

from harness import TESTS

FUZZ = TESTS.parents[1] / "fuzz" / "python"


def test_calls_with_arguments_of_every_kind_follow_the_model() -> None:
    inputs = [path for folder in ("seeds", "regressions") for path in sorted((FUZZ / folder).glob("[!.]*"))]
    assert len(inputs) >= 4
    command = [sys.executable, str(FUZZ / "boundary.py"), "--replay", *map(str, inputs)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed == f"{len(inputs)} inputs hold\n"
