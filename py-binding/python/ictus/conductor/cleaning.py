"""The SDK's ``clean_directory`` and ``clean_dead_pids``, for what Ictus keeps in the directory as well.

The SDK calls both at most once a process and directory, and only in the process that starts the
workers.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ictus import _core, _notice
from ictus.conductor import _sdk

if TYPE_CHECKING:
    from collections.abc import Callable


def extend() -> None:
    """Makes the SDK's settings clean segments too. Until 1.3 they clean nothing."""
    # Everything that nobody who lives has locked, totals included.
    _extend("_clean_stale_db_files", _core.clear)
    # Counts and sums of the dead are worth keeping: they move into the totals. Only the SDK's own
    # files of dead processes are deleted, by the SDK.
    _extend("_clean_dead_pid_files", _core.retire)


def _extend(name: str, clean: Callable[[str], object]) -> None:
    theirs = getattr(_sdk.MetricsSettings, name, None)
    if theirs is None:
        return

    @functools.wraps(theirs)
    def both(self: Any) -> None:
        theirs(self)
        directory = _sdk.metrics_directory(self)
        try:
            clean(directory)
        except Exception as refused:
            _notice.once(f"{directory} is not cleaned: {refused}")

    setattr(_sdk.MetricsSettings, name, both)
