"""Processes that record with the SDK's own collector although Ictus is active in them.

What the SDK recorded under names of the catalog is left out of what Ictus shows: usually it is what is left
of a time before Ictus. In a process where Ictus fails, it is all that there is. Such a process leaves a
mark in the metrics directory, and its files are shown whole.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

_PREFIX = "sdk_metrics_"
_SUFFIX = ".pid"
_marked: set[str] = set()


def mark(directory: str) -> None:
    """Marks this process, and what it forks, as one whose metrics are the SDK's."""
    _marked.add(directory)
    # If the mark cannot be written, the SDK cannot write its files either.
    with contextlib.suppress(OSError):
        Path(directory, f"{_PREFIX}{os.getpid()}{_SUFFIX}").touch()


def marked_pids(directory: Path) -> frozenset[str]:
    """Returns the marked processes of the directory, dead ones too: their counts stay, as the SDK's do."""
    marks = directory.glob(f"{_PREFIX}*{_SUFFIX}")
    return frozenset(path.name[len(_PREFIX) : -len(_SUFFIX)] for path in marks)


def pid_of(file: str) -> str | None:
    """Returns the process that wrote one of ``prometheus_client``'s files."""
    found = re.search(r"_(\d+)\.db$", file)
    return None if found is None else found[1]


def remove_marks(directory: str) -> None:
    """Removes the marks of all processes, as their files are removed."""
    for path in Path(directory).glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            path.unlink()


def _mark_child() -> None:
    for directory in _marked:
        mark(directory)


os.register_at_fork(after_in_child=_mark_child)
