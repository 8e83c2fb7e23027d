"""The size of windows and the limit of series: the argument, else the variable, else the default."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from ictus import _log_once

_DEFAULT_WINDOW = 1000
_MAX = {"window": 65_536, "max_series": 2**32 - 1}


class Options(NamedTuple):
    """The options. ``None`` means the core's default."""

    window: int | None
    max_series: int | None


def from_settings(settings: Any, collector: type) -> Options:
    """Returns the options of a collector of that class with those settings.

    A subclass of the SDK's collectors may set ``QUANTILE_WINDOW_SIZE``.
    """
    window = _option(settings, "window")
    size = getattr(collector, "QUANTILE_WINDOW_SIZE", _DEFAULT_WINDOW)
    if window is None and size != _DEFAULT_WINDOW:
        window = _validated("QUANTILE_WINDOW_SIZE", size, "window")
    return Options(window, _option(settings, "max_series"))


def _option(settings: Any, name: str) -> int | None:
    given = getattr(settings, name, None)
    if given is not None:
        return _validated(name, given, name)
    variable = f"ICTUS_{name.upper()}"
    text = os.environ.get(variable, "").strip()
    return _validated(variable, text, name) if text else None


def _validated(source: str, given: Any, name: str) -> int | None:
    try:
        number = int(given)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if 1 <= number <= _MAX[name]:
        return number
    _log_once.warning(f"{source}={given!r} is left out: it must be a whole number from 1 to {_MAX[name]}")
    return None
