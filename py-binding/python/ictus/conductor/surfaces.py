"""Which surfaces the provider and the collectors' registries show."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from ictus.conductor import _sdk


class View(NamedTuple):
    """What to show; ``None`` for legacy and documented together."""

    surfaces: list[str] | None
    summaries: bool


def view(settings: Any) -> View:
    """``ICTUS_SURFACES`` where it is set, else what the settings chose."""
    chosen = [name.strip() for name in os.environ.get("ICTUS_SURFACES", "").split(",") if name.strip()]
    if not chosen and _sdk.is_canonical(settings):
        chosen = ["canonical"]
    summaries = os.environ.get("ICTUS_TIMER_TYPE", "").strip().lower() == "summary"
    return View(chosen or None, summaries)
