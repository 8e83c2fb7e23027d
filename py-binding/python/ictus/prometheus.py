"""Adds the metrics that Ictus recorded to a registry of ``prometheus_client``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics_core import Metric

from ictus import _log_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.registry import Collector

    from ictus import Registry
    from ictus._core import _Family
else:
    try:
        from prometheus_client.registry import Collector
    except ImportError:  # Until 0.14 the class does not exist and is not needed.
        Collector = object


class Bridge(Collector):
    """A collector for the families of Ictus. It reads them at each collection."""

    def __init__(self, families: Callable[[], list[_Family]]) -> None:
        self._families = families
        self._registry: CollectorRegistry | None = None
        self._shown: frozenset[str] = frozenset()

    def describe(self) -> list[Metric]:
        """Returns no families: they are not known before a collection."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yields all families, without those whose name another collector has."""
        used = self._names_of_other_collectors()
        shown: set[str] = set()
        for name, documentation, kind, samples in self._families():
            names = {f"{name}{suffix}" for suffix in _SUFFIXES.get(kind, ("",))}
            if not names.isdisjoint(used):
                _log_once.warning(f"the metric family {name!r} is not shown: another collector has its name")
                continue
            shown |= names
            metric = Metric(name, documentation, kind)
            for sample_name, labels, value in samples:
                metric.add_sample(sample_name, labels, value)
            yield metric
        self._shown = frozenset(shown)

    def _names_of_other_collectors(self) -> set[str]:
        """Returns the names of other collectors. Of other bridges, only those registered earlier count."""
        if self._registry is None:
            return set()
        used: set[str] = set()
        is_before = True
        for collector, names in list(self._registry._collector_to_names.items()):
            if collector is self:
                is_before = False
            elif not isinstance(collector, Bridge):
                used.update(names)
            elif is_before:
                used.update(collector._shown)
        return used


_SUFFIXES = {
    "counter": ("", "_total", "_created"),
    "summary": ("", "_sum", "_count", "_created"),
    "histogram": ("", "_bucket", "_sum", "_count", "_created"),
}
"""The suffixes of a family's names by type, as ``prometheus_client``'s registry reserves them."""


def register(new: Bridge, registry: CollectorRegistry) -> None:
    """Registers a bridge so that ``?name[]=`` also finds its families.

    The library searches the names that collectors described at their registration. A bridge describes none,
    because no other collector could then use a described name.
    """
    registry.register(new)
    new._registry = registry
    restricted = registry.restricted_registry
    if not isinstance(restricted, _Restricted):
        registry.restricted_registry = _Restricted(registry)  # type: ignore[method-assign, assignment]


class _Restricted:
    """Replaces the method ``restricted_registry`` of a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def __call__(self, names: Iterable[str]) -> _Restriction:
        return _Restriction(self._registry, frozenset(names))


class _Restriction:
    """A view of a registry that contains only the requested names."""

    def __init__(self, registry: CollectorRegistry, names: frozenset[str]) -> None:
        self._registry = registry
        self._names = names

    def collect(self) -> Iterator[Metric]:
        """Yields the families, each with its requested samples."""
        for metric in self._registry.collect():
            samples = [sample for sample in metric.samples if sample.name in self._names]
            if metric.name in self._names:
                samples = list(metric.samples)
            if samples:
                family = Metric(metric.name, metric.documentation, metric.type, metric.unit)
                family.samples = samples
                yield family


def bridge(registry: Registry, into: CollectorRegistry = REGISTRY) -> Bridge:
    """Adds the registry's metrics to ``into``, a registry of ``prometheus_client``.

    If the registry has a directory, they are those of all its processes, as at Ictus's own endpoint. To
    remove them, call ``into.unregister`` with the returned bridge.
    """
    new = Bridge(registry._families)
    register(new, into)
    return new
