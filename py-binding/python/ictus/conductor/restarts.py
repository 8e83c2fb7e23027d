"""The counter with which the SDK's parent process counts restarts of workers.

The parent has no collector; it makes a ``prometheus_client`` counter by itself. This one is such a
counter in every respect, except that the restarts land in the parent's segment.

Import it only after ``prometheus_client`` may be imported.
"""

from __future__ import annotations

import functools
import os
import time
from typing import Any

import prometheus_client

from ictus import _core, _notice, _provide

_NAME = "worker_restart"
_LABELS = ("taskType",)


class Counter(prometheus_client.Counter):
    """``prometheus_client``'s, with another place for the value of the restarts."""

    def _metric_init(self) -> None:
        directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if directory and self._name == _NAME and tuple(self._labelnames) == _LABELS:
            self._value = _Restarts(directory, *self._labelvalues)
            self._created = time.time()
        else:
            super()._metric_init()


class _Restarts:
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
        _notice.once(f"restarts are not recorded: {refused}")
    _provide.log()
    return collector
