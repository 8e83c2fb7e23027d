"""Counts with the SDK module's counter under a different name, and prints the files of all processes."""

from __future__ import annotations

import sys

from conductor.client.telemetry import metrics_collector

from ictus.conductor import install

install()
metrics_collector._ensure_prometheus_imported()
counter = metrics_collector.Counter(
    "own", "A counter", ["label"], registry=metrics_collector.CollectorRegistry()
)
counter.labels("x").inc(3)

from prometheus_client import CollectorRegistry, generate_latest  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402

registry = CollectorRegistry()
MultiProcessCollector(registry, sys.argv[1])  # type: ignore[no-untyped-call]
print(generate_latest(registry).decode())
