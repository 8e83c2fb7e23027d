"""Records from signal handlers, destructors and conversions to text, during a recording call.

Prints the counts by task type.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
from typing import Any

from ictus.conductor import MetricsCollector, MetricsSettings

collector = MetricsCollector(MetricsSettings(sys.argv[1]))
counts = dict.fromkeys(("main", "signal", "destructor", "text"), 0)


def count(task_type: str) -> None:
    counts[task_type] += 1
    collector.increment_task_poll(task_type)
    collector.record_task_execute_time(task_type, 0.1)


class Cyclic:
    """An object that only the garbage collector destroys."""

    def __init__(self) -> None:
        self.myself = self

    def __del__(self) -> None:
        count("destructor")


class Label:
    """A label whose text is created during recording: natively, between lookup and series."""

    def __str__(self) -> str:
        Cyclic()
        gc.collect()
        count("text")
        return "labelled"


def interrupt(*_: Any) -> None:
    count("signal")
    collector.registry.get_sample_value("task_poll_total", {"taskType": "main"})
    # Set only now: on a busy machine, the next signal would otherwise always arrive before this
    # handler has ended.
    signal.setitimer(signal.ITIMER_REAL, 0.001)


signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.001)
while counts["signal"] < 100:
    count("main")
    collector.increment_task_poll(Label())
    collector.record_task_execute_time(Label(), 0.1)
signal.setitimer(signal.ITIMER_REAL, 0)
print(json.dumps(counts))
