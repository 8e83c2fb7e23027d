"""Records more than its disk can hold, and prints the count of the first series."""

from __future__ import annotations

import sys

from ictus import _core
from ictus.conductor import MetricsCollector, MetricsSettings

directory = sys.argv[1]
collector = MetricsCollector(MetricsSettings(directory))
for _ in range(100):
    collector.record_task_execute_time("first", 0.1)
for number in range(300):
    for _ in range(200):
        collector.record_task_execute_time(f"task {number}", 0.1)
for _ in range(2000):
    collector.record_task_execute_time("first", 0.1)
print(_core.text(directory, ["legacy"]))
