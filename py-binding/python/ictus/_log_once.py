"""Logs each cause of a failure once per process. Nothing is raised into the SDK."""

from __future__ import annotations

import contextlib
import logging
import os

from ictus._printable import printable

_MAX_CAUSES = 1_000

_logger = logging.getLogger("ictus")
_logged: set[str] = set()
# A forked child has its own log.
os.register_at_fork(after_in_child=_logged.clear)


def warning(text: str, cause: str | None = None) -> None:
    """Logs a warning if this process has not logged one with this cause. The default cause is the text."""
    cause = printable(text if cause is None else cause)
    if cause in _logged or len(_logged) >= _MAX_CAUSES:
        return
    _logged.add(cause)
    # The program's log handler may raise.
    with contextlib.suppress(Exception):
        _logger.warning("%s", printable(text))
