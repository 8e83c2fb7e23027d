#!/usr/bin/env python3
"""Runs a command that runs tests, and prints at its end which of them took longest.

    .ci/slowest.py make test-rust test-python

Understands the output of cargo (a time for each test program) and of pytest with ``--durations`` (a
time for each test). Ends with the status of the command.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

SHOWN = 10
"""The number of tests that are printed."""

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_PROGRAM = re.compile(
    r"^\s*(?:Running unittests \S+ \(\S*/(?P<unit>\w+)-\w+\)|Running (?P<file>\S+)|Doc-tests (?P<docs>\S+))"
)
_PROGRAM_END = re.compile(r"^test result: .* finished in (?P<seconds>[0-9.]+)s$")
_TEST = re.compile(r"^(?P<seconds>[0-9.]+)s (?:call|setup|teardown) +(?P<name>\S+)")


class Durations:
    """The durations that the lines of an output name."""

    def __init__(self) -> None:
        self._found: list[tuple[float, str]] = []
        self._program = ""

    def read(self, line: str) -> None:
        """Reads the next line."""
        line = _COLORS.sub("", line).rstrip()
        if program := _PROGRAM.match(line):
            unit, file, docs = program.groups()
            self._program = file or (f"unit tests of {unit}" if unit else f"doc tests of {docs}")
        elif end := _PROGRAM_END.match(line):
            self._found.append((float(end["seconds"]), self._program))
        elif test := _TEST.match(line):
            self._found.append((float(test["seconds"]), test["name"]))

    def longest(self) -> list[tuple[float, str]]:
        """Returns the longest durations with the names of their tests, the longest first."""
        return sorted(self._found, reverse=True)[:SHOWN]


def main(command: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    environment = dict(os.environ)
    if sys.stdout.isatty():
        # The programs write to a pipe, and would leave out their colors.
        environment |= {"CARGO_TERM_COLOR": "always", "FORCE_COLOR": "1"}
    durations = Durations()
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
    )
    assert running.stdout is not None
    try:
        for line in running.stdout:
            print(line, end="", flush=True)
            durations.read(line)
    except KeyboardInterrupt:
        # The command has received the signal, too.
        pass
    status = running.wait()
    if longest := durations.longest():
        print("\nWhat took longest:")
        for seconds, name in longest:
            print(f"  {seconds:7.1f} s  {name}")
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
