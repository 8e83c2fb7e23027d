"""Whether Ictus records in this process, or steps aside for the SDK's own metrics."""

from __future__ import annotations

import functools
import logging

from ictus import hook


@functools.cache
def is_on() -> bool:
    """False where ``ICTUS_DISABLE`` says so, and where the native module cannot be loaded."""
    if hook.is_set(hook.DISABLE):
        return False
    try:
        import ictus._core  # noqa: F401, PLC0415
    except Exception as failed:
        logging.getLogger("ictus").warning(
            "the SDK's own metrics stay in use: Ictus's native module cannot be loaded (%s)", failed
        )
        return False
    return True
