"""How large windows are and how many series there may be: argument, then variable, then default."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from ictus import _notice

_DEFAULT_WINDOW = 1000
_MOST = {"window": 65_536, "max_series": 2**32 - 1}


class Options(NamedTuple):
    """``None`` is the core's default."""

    window: int | None
    max_series: int | None


def of(settings: Any, collector: type) -> Options:
    """What holds for a collector of that class with those settings.

    A subclass of the SDK's collectors may say ``QUANTILE_WINDOW_SIZE``.
    """
    window = _option(settings, "window")
    size = getattr(collector, "QUANTILE_WINDOW_SIZE", _DEFAULT_WINDOW)
    if window is None and size != _DEFAULT_WINDOW:
        window = _checked("QUANTILE_WINDOW_SIZE", size, "window")
    return Options(window, _option(settings, "max_series"))


def _option(settings: Any, name: str) -> int | None:
    given = getattr(settings, name, None)
    if given is not None:
        return _checked(name, given, name)
    variable = f"ICTUS_{name.upper()}"
    text = os.environ.get(variable, "").strip()
    return _checked(variable, text, name) if text else None


def _checked(where: str, given: Any, name: str) -> int | None:
    try:
        number = int(given)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if 1 <= number <= _MOST[name]:
        return number
    _notice.once(f"{where}={given!r} is left out: it must be a whole number from 1 to {_MOST[name]}")
    return None
