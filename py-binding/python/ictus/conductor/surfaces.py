"""The surfaces that the provider and the collectors' registries show."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from ictus import _log_once
from ictus.conductor import _sdk

_NAMES = frozenset({"legacy", "documented", "canonical"})


class View(NamedTuple):
    """The surfaces to show. ``None`` means legacy and documented together."""

    surfaces: list[str] | None
    summaries: bool


def view(settings: Any) -> View:
    """Returns the provider's view: ``ICTUS_SURFACES`` if it is set, else the settings' choice."""
    chosen = _from_environment()
    if not chosen and _sdk.is_canonical(settings):
        chosen = ["canonical"]
    return View(chosen or None, _summaries())


def for_collector(surface: str) -> View:
    """Returns the view of a collector's registry: ``ICTUS_SURFACES`` if it is set, else that of its class."""
    chosen = _from_environment() or (["canonical"] if surface == "canonical" else None)
    return View(chosen, _summaries())


def _summaries() -> bool:
    return os.environ.get("ICTUS_TIMER_TYPE", "").strip().lower() == "summary"


def _from_environment() -> list[str]:
    given = os.environ.get("ICTUS_SURFACES", "")
    chosen = [name.strip() for name in given.split(",") if name.strip()]
    if not _NAMES.issuperset(chosen) or ("canonical" in chosen and len(set(chosen)) > 1):
        _log_once.warning(
            f"ICTUS_SURFACES={given!r} is left out: it must be legacy, documented, both of them, or canonical"
        )
        return []
    return chosen
