"""What Ictus recorded, among the metrics of ``prometheus_client``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ictus import Registry
    from ictus._core import _Family


class Bridge(Collector):
    """Shows families of Ictus, read anew at each collection."""

    def __init__(self, families: Callable[[], list[_Family]]) -> None:
        self._families = families

    def describe(self) -> list[Metric]:
        """Nothing is known before it is read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families; those of Ictus itself too."""
        for name, documentation, kind, samples in self._families():
            metric = Metric(name, documentation, kind)
            for sample_name, labels, value in samples:
                metric.add_sample(sample_name, labels, value)
            yield metric


def bridge(registry: Registry, into: CollectorRegistry = REGISTRY) -> Bridge:
    """Shows the registry's metrics wherever that of ``prometheus_client`` is shown.

    They are those of all processes of the registry's directory, as at Ictus's own endpoint. To end it,
    ``into.unregister`` what is returned.
    """
    made = Bridge(registry._families)
    into.register(made)
    return made
