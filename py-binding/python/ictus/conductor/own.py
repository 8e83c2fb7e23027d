"""What a collector has recorded, in its ``prometheus_client`` registry.

Import it only where ``prometheus_client`` may be imported: that chooses, once a process and by
``PROMETHEUS_MULTIPROC_DIR``, where the values of its metrics live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ictus import _core
    from ictus.conductor.surfaces import View


class Own(Collector):
    """Shows what a collector has recorded in this process, as the SDK's registry does."""

    def __init__(self, recording: _core.Collector, view: View) -> None:
        self._recording = recording
        self._view = view

    def describe(self) -> list[Metric]:
        """Nothing is known before it is read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families, read anew."""
        surfaces, summaries = self._view
        for name, documentation, kind, samples in self._recording._families(surfaces, summaries=summaries):
            metric = Metric(name, documentation, kind)
            for sample_name, labels, value in samples:
                metric.add_sample(sample_name, labels, value)
            yield metric
