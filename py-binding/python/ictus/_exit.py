"""The end of a program, or of a worker of multiprocessing, which ends without what ``atexit`` has."""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

#: Runs after the functions that programs register, because these may record.
_PRIORITY = -1_000_000


class _Watch:
    """Calls a function at the end of this process, and of those that are forked from it."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._util: ModuleType | None = None
        atexit.register(end)
        self._watch_workers()
        if hasattr(os, "register_at_fork"):
            # A program may import multiprocessing later.
            os.register_at_fork(before=self._watch_workers)

    def _watch_workers(self) -> None:
        util = sys.modules.get("multiprocessing.util")
        if util is None or self._util is util or not hasattr(util, "register_after_fork"):
            return
        self._util = util
        # Covers this process, which may be a worker, and the workers that it forks.
        _Watch._finalize(self)
        util.register_after_fork(self, _Watch._finalize)

    def _finalize(self) -> None:
        if self._util is not None:
            self._util.Finalize(None, self._end, exitpriority=_PRIORITY)


_watches: list[_Watch] = []


def watch(end: Callable[[], None]) -> None:
    """Has ``end`` called when this process ends by itself, or one that is forked from it."""
    _watches.append(_Watch(end))
