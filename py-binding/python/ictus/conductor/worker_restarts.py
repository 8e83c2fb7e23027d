"""The counter with which the SDK's parent process counts restarts of workers.

The parent has no collector. It creates a ``prometheus_client`` counter instead. The counter here has the same
interface, but records the restarts in the parent's segment.

Import this module only after the SDK has chosen how to import ``prometheus_client``.
"""

from __future__ import annotations

import functools
import os
import time
from typing import Any

import prometheus_client

from ictus import _core, _log_once, _provider_loop

_NAME = "worker_restart"
_LABELS = ("taskType",)


class Counter(prometheus_client.Counter):
    """The counter of ``prometheus_client``, which records restarts in a segment."""

    def _metric_init(self) -> None:
        directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if directory and self._name == _NAME and tuple(self._labelnames) == _LABELS:
            self._value = _RestartValue(directory, *self._labelvalues)
            self._created = time.time()
        else:
            super()._metric_init()


class _RestartValue:
    """The value of one worker's counter."""

    def __init__(self, directory: str, task_type: str) -> None:
        self._task_type = task_type
        self._total = 0.0
        self._collector = _collector(directory)

    def inc(self, amount: float) -> None:
        for _ in range(int(amount)):
            self._collector.increment_worker_restart(self._task_type)
        self._total += amount

    def set(self, value: float, timestamp: float | None = None) -> None:  # noqa: ARG002
        # Called only for a reset; recorded totals never decrease.
        self._total = value

    def get(self) -> float:
        return self._total

    def set_exemplar(self, exemplar: Any) -> None:
        """Exemplars are not kept, as in ``prometheus_client``'s multiprocess mode."""

    def get_exemplar(self) -> None:
        return None


@functools.cache
def _collector(directory: str) -> _core.Collector:
    collector = _core.Collector()
    try:
        collector._open(directory)
    except OSError as refused:
        _log_once.warning(f"restarts are not recorded: {refused}")
    _provider_loop.forward_log()
    return collector
