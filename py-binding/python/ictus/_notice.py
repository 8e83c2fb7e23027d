"""What goes wrong is said once a cause, and never raised into the SDK."""

from __future__ import annotations

import contextlib
import logging

from ictus._clean import printable

_MAX_CAUSES = 1_000

_logger = logging.getLogger("ictus")
_told: set[str] = set()


def once(text: str, cause: str | None = None) -> None:
    """Logs a warning, unless this process has logged one of that cause before; the text is its own cause."""
    cause = printable(text if cause is None else cause)
    if cause in _told or len(_told) >= _MAX_CAUSES:
        return
    _told.add(cause)
    # A program's own handler may raise.
    with contextlib.suppress(Exception):
        _logger.warning("%s", printable(text))
