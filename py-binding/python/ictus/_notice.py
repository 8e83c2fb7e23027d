"""What goes wrong is said once a cause, and never raised into the SDK."""

from __future__ import annotations

import contextlib
import logging
import os

from ictus._clean import printable

_MAX_CAUSES = 1_000

_logger = logging.getLogger("ictus")
_told: set[str] = set()
# A forked child has its own log.
os.register_at_fork(after_in_child=_told.clear)


def once(text: str, cause: str | None = None) -> None:
    """Logs a warning, unless this process has logged one of that cause before; the text is its own cause."""
    cause = printable(text if cause is None else cause)
    if cause in _told or len(_told) >= _MAX_CAUSES:
        return
    _told.add(cause)
    # The program's log handler may raise.
    with contextlib.suppress(Exception):
        _logger.warning("%s", printable(text))
