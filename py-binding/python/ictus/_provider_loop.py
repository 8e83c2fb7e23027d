"""The loop of the process that shows a metrics directory, in a file or over HTTP, until a signal ends it.

The loop waits in Python code. The interpreter's finalization may end a daemon thread at any time, and must
not end it inside the native module.
"""

from __future__ import annotations

import logging
import select
import time
from typing import TYPE_CHECKING, Any

from ictus import _core, _log_once, _prometheus_client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SIGNAL_INTERVAL = 0.1
"""Maximum seconds until a signal's handler runs, and until log records are forwarded."""

_logger = logging.getLogger("ictus")


def run(provider: _core.Provider, families: Callable[[Path], list[Any]] = _prometheus_client.collect) -> None:
    """Responds to the provider's requests until a signal's handler raises.

    ``families`` returns the families of a metrics directory that programs recorded with
    ``prometheus_client``.
    """
    poll = select.poll()
    poll.register(provider, select.POLLIN)
    try:
        while True:
            if _is_open(provider):
                poll.poll(_SIGNAL_INTERVAL * 1000)
            else:
                time.sleep(_SIGNAL_INTERVAL)
            forward_log()
            _respond(provider, families)
    finally:
        provider.close()


def _is_open(provider: _core.Provider) -> bool:
    # The program may close all descriptors; the number may belong to one of its files by now.
    try:
        return provider.fileno() >= 0
    except OSError:
        return False


def forward_log() -> None:
    """Forwards the log records of the native module to ``logging``."""
    for method, text in _core.take_log():
        getattr(_logger, method)("%s", text)


def _respond(provider: _core.Provider, families: Callable[[Path], list[Any]]) -> None:
    directory = provider.question()
    if directory is None:
        return
    result = None
    try:
        result = families(directory)
    except Exception as failed:
        # A file that is being created may be the cause; the last families stay.
        _log_once.warning(f"metrics of prometheus_client cannot be merged: {failed}")
    finally:
        provider.answer(result)
