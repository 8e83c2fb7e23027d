"""What goes wrong is said once a cause, and never raised into the SDK."""

from __future__ import annotations

import logging

_logger = logging.getLogger("ictus")
_told: set[str] = set()


def once(text: str) -> None:
    """Logs a warning, unless this process has logged it before."""
    if text not in _told:
        _told.add(text)
        _logger.warning("%s", text)
