"""A metrics directory in a ``prometheus_client`` registry.

Import it only where ``prometheus_client`` may be imported: that chooses, once a process and by
``PROMETHEUS_MULTIPROC_DIR``, where the values of its metrics live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ictus import _core

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class DirectoryCollector(Collector):
    """Shows what a metrics directory says at the moment of each collection."""

    def __init__(
        self, directory: str, surfaces: Sequence[str] | None = None, *, summaries: bool = False
    ) -> None:
        self._directory = directory
        self._surfaces = surfaces
        self._summaries = summaries

    def collect(self) -> Iterator[Metric]:
        """The families of the directory, read anew."""
        families = _core.families(self._directory, self._surfaces, summaries=self._summaries)
        for name, documentation, kind, samples in families:
            metric = Metric(name, documentation, kind)
            for sample_name, labels, value in samples:
                metric.add_sample(sample_name, labels, value)
            yield metric
