"""Tests that a run of the tests ends with what took longest, and with the status of the tests."""

from __future__ import annotations

import subprocess
import sys

from harness import TESTS

SLOWEST = TESTS.parents[1] / ".ci" / "slowest.py"
OUTPUT = """\
     Running unittests src/lib.rs (target/debug/deps/ictus-0a1b)
test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 12.50s
     Running tests/chaos.rs (target/debug/deps/chaos-0a1b)
test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 3.00s
   Doc-tests ictus
test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 30.00s
45.12s call     tests/test_exits.py::test_status
"""


def test_longest_tests_are_printed_in_order_after_the_output() -> None:
    program = f"import sys; print({OUTPUT!r}, end=''); sys.exit(3)"
    run = subprocess.run(
        [SLOWEST, sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 3
    assert run.stdout == (
        OUTPUT
        + "\nWhat took longest:\n"
        + "     45.1 s  tests/test_exits.py::test_status\n"
        + "     30.0 s  doc tests of ictus\n"
        + "     12.5 s  unit tests of ictus\n"
        + "      3.0 s  tests/chaos.rs\n"
    )
