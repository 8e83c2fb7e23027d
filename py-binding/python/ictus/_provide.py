"""Shows a metrics directory until a signal ends the process: in a file, or over HTTP.

The wait is Python's: a daemon thread in here may be ended by the interpreter's finalization at any time.
"""

from __future__ import annotations

import logging
import select
import time
from typing import TYPE_CHECKING, Any

from ictus import _core, _guests, _notice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SIGNAL_INTERVAL = 0.1
"""Seconds after which a signal's handler runs at the latest, and what was logged is passed on."""

_logger = logging.getLogger("ictus")


def run(provider: _core.Provider, families: Callable[[Path], list[Any]] = _guests.families) -> None:
    """Answers the provider's questions until a signal's handler raises.

    ``families`` returns what others recorded in a metrics directory.
    """
    poll = select.poll()
    poll.register(provider, select.POLLIN)
    try:
        while True:
            if _is_open(provider):
                poll.poll(_SIGNAL_INTERVAL * 1000)
            else:
                time.sleep(_SIGNAL_INTERVAL)
            log()
            _answer(provider, families)
    finally:
        provider.close()


def _is_open(provider: _core.Provider) -> bool:
    # The program may close all descriptors; the number may belong to one of its files by now.
    try:
        return provider.fileno() >= 0
    except OSError:
        return False


def log() -> None:
    """Passes on what the native module has logged."""
    for method, text in _core.take_log():
        getattr(_logger, method)("%s", text)


def _answer(provider: _core.Provider, families: Callable[[Path], list[Any]]) -> None:
    directory = provider.question()
    if directory is None:
        return
    found = None
    try:
        found = families(directory)
    except Exception as failed:
        # A file that is being created may be the cause; the last families stay.
        _notice.once(f"metrics of prometheus_client cannot be merged: {failed}")
    finally:
        provider.answer(found)
