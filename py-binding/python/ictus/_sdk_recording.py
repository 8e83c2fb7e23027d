"""Marks processes that record with the SDK's own collector although Ictus is active in them.

Ictus omits metrics of the catalog that the SDK recorded: they are usually older than the use of Ictus. In a
process where Ictus fails, they are the only ones. Such a process writes a mark into the metrics directory,
and Ictus then shows its files completely.
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
    """Marks this process and its forks: their metrics are those of the SDK."""
    _marked.add(directory)
    # If the mark cannot be written, the SDK cannot write its files either.
    with contextlib.suppress(OSError):
        Path(directory, f"{_PREFIX}{os.getpid()}{_SUFFIX}").touch()


def marked_pids(directory: Path) -> frozenset[str]:
    """Returns the ids of the marked processes, including ended ones, whose counts stay."""
    marks = directory.glob(f"{_PREFIX}*{_SUFFIX}")
    return frozenset(path.name[len(_PREFIX) : -len(_SUFFIX)] for path in marks)


def pid_of(file: str) -> str | None:
    """Returns the id of the process that wrote one of ``prometheus_client``'s files."""
    match = re.search(r"_(\d+)\.db$", file)
    return None if match is None else match[1]


def remove_marks(directory: str) -> None:
    """Removes the marks of all processes, whose files the caller removes."""
    for path in Path(directory).glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            path.unlink()


def _mark_child() -> None:
    for directory in _marked:
        mark(directory)


os.register_at_fork(after_in_child=_mark_child)
