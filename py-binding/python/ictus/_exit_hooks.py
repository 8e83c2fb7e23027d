"""Calls functions when a process ends. Workers of multiprocessing end without calling ``atexit``."""

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


class _ExitHook:
    """Calls a function when this process ends, and when each process forked from it ends."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function
        self._util: ModuleType | None = None
        atexit.register(function)
        self._register_in_multiprocessing()
        if hasattr(os, "register_at_fork"):
            # A program may import multiprocessing later.
            os.register_at_fork(before=self._register_in_multiprocessing)

    def _register_in_multiprocessing(self) -> None:
        util = sys.modules.get("multiprocessing.util")
        if util is None or self._util is util or not hasattr(util, "register_after_fork"):
            return
        self._util = util
        # Covers this process, which may be a worker, and the workers that it forks.
        _ExitHook._add_finalizer(self)
        util.register_after_fork(self, _ExitHook._add_finalizer)

    def _add_finalizer(self) -> None:
        if self._util is not None:
            self._util.Finalize(None, self._function, exitpriority=_PRIORITY)


_hooks: list[_ExitHook] = []


def register(function: Callable[[], None]) -> None:
    """Calls ``function`` at the normal end of this process, and of each process forked from it."""
    _hooks.append(_ExitHook(function))
