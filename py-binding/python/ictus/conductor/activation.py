"""Decides whether Ictus records in this process, or the SDK itself."""

from __future__ import annotations

import functools
import logging

from ictus import hook

_failures: list[str] = []


def is_enabled() -> bool:
    """Returns whether this process records with Ictus.

    It does not if ``ICTUS_DISABLE`` is set, if the native module cannot be loaded, if the installed SDK does
    not have the shape that Ictus replaces, or if replacing it failed.
    """
    return not _failures and _can_record()


def disable(cause: str) -> None:
    """Leaves the metrics of this process to the SDK. Logs only the first cause."""
    if not _failures:
        logging.getLogger("ictus").warning("the SDK's own metrics stay in use: %s", cause)
    _failures.append(cause)


@functools.cache
def _can_record() -> bool:
    if hook.is_set(hook.DISABLE):
        return False
    try:
        import ictus._core  # noqa: F401, PLC0415
    except Exception as failed:
        disable(f"Ictus's native module cannot be loaded ({failed})")
        return False
    from ictus.conductor import compatibility  # noqa: PLC0415

    problem = compatibility.find_problem()
    if problem is not None:
        disable(f"{compatibility.sdk_name()} is not supported by this version of Ictus: {problem}")
    return problem is None
