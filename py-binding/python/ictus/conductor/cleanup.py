"""Extends the SDK's ``clean_directory`` and ``clean_dead_pids`` to the files of Ictus.

The SDK calls both at most once a process and directory, and only in the process that starts the
workers.
"""

from __future__ import annotations

import functools
import multiprocessing
from typing import TYPE_CHECKING, Any

from ictus import _core, _log_once, _sdk_recording
from ictus.conductor import _sdk

if TYPE_CHECKING:
    from collections.abc import Callable

    from ictus.conductor.changes import Changes


_cleaned: set[str] = set()


def install(changes: Changes) -> None:
    """Makes the SDK's settings clean segments too. Until 1.3 they clean nothing."""
    # Removes everything that no living process has locked, totals included.
    _add_to(changes, "_clean_stale_db_files", _clear)
    # Keeps the counts and sums of ended processes by moving them into the totals. The SDK deletes
    # only its own files of ended processes.
    _add_to(changes, "_clean_dead_pid_files", _core.retire)


def clean_once(settings: Any) -> None:
    """Cleans the directory as the settings of 1.4.0 and 1.5.0 require: once, and never in a worker.

    In these releases the workers clean it. A restarted worker would remove its predecessor's counts.
    """
    directory = _sdk.metrics_directory(settings)
    if multiprocessing.parent_process() is None and directory not in _cleaned:
        _cleaned.add(directory)
        if getattr(settings, "clean_directory", False):
            settings._clean_stale_db_files()
        if getattr(settings, "clean_dead_pids", False):
            settings._clean_dead_pid_files()


def clean_before_workers(settings: Any) -> None:
    """Cleans the directory in the provider, as the settings of 1.4.0 and 1.5.0 require.

    Their task handler starts the provider before the workers. Some may already run, so files of live
    processes are kept.
    """
    if not _sdk.CLEANS_IN_PARENT and (
        getattr(settings, "clean_directory", False) or getattr(settings, "clean_dead_pids", False)
    ):
        settings._clean_dead_pid_files()
        if settings.clean_directory:
            _core.clear(_sdk.metrics_directory(settings))


def _clear(directory: str) -> None:
    _sdk_recording.remove_marks(directory)
    _core.clear(directory)


def _add_to(changes: Changes, name: str, clean: Callable[[str], object]) -> None:
    original = getattr(_sdk.MetricsSettings, name, None)
    if original is None:
        return

    @functools.wraps(original)
    def clean_both(self: Any) -> None:
        original(self)
        directory = _sdk.metrics_directory(self)
        try:
            clean(directory)
        except Exception as refused:
            _log_once.warning(f"{directory} is not cleaned: {refused}")

    changes.set(_sdk.MetricsSettings, name, clean_both)
