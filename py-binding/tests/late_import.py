"""Imports ``prometheus_client`` before the directory of its files has been set."""

from __future__ import annotations

import sys

import prometheus_client

from ictus.conductor import MetricsCollector, MetricsSettings

assert prometheus_client.values.ValueClass.__name__ == "MutexValue"
for directory in sys.argv[1:]:
    collector = MetricsCollector(MetricsSettings(directory))
    collector.increment_task_poll(directory)
    print(collector.registry.get_sample_value("task_poll_total", {"taskType": directory}))
