"""What goes wrong is said once a cause, and never raised into the SDK."""

from __future__ import annotations

import contextlib
import logging

_logger = logging.getLogger("ictus")
_told: set[str] = set()


def once(text: str) -> None:
    """Logs a warning, unless this process has logged it before."""
    if text in _told:
        return
    _told.add(text)
    # A program's own handler may raise.
    with contextlib.suppress(Exception):
        _logger.warning("%s", text)
