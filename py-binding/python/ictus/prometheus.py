"""What Ictus recorded, among the metrics of ``prometheus_client``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics_core import Metric

from ictus import _notice

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
    """Shows families of Ictus, read anew at each collection."""

    def __init__(self, families: Callable[[], list[_Family]]) -> None:
        self._families = families
        self._registry: CollectorRegistry | None = None
        self._shown: frozenset[str] = frozenset()

    def describe(self) -> list[Metric]:
        """Nothing is known before it is read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families; those of Ictus itself too. Not one that has another collector's name."""
        taken = self._taken()
        shown: set[str] = set()
        for name, documentation, kind, samples in self._families():
            names = {f"{name}{suffix}" for suffix in _SUFFIXES.get(kind, ("",))}
            if not names.isdisjoint(taken):
                _notice.once(f"the metric family {name!r} is not shown: another collector has its name")
                continue
            shown |= names
            metric = Metric(name, documentation, kind)
            for sample_name, labels, value in samples:
                metric.add_sample(sample_name, labels, value)
            yield metric
        self._shown = frozenset(shown)

    def _taken(self) -> set[str]:
        """Returns the names that other collectors have; of bridges, those registered before."""
        if self._registry is None:
            return set()
        taken: set[str] = set()
        is_before = True
        for collector, names in list(self._registry._collector_to_names.items()):
            if collector is self:
                is_before = False
            elif not isinstance(collector, Bridge):
                taken.update(names)
            elif is_before:
                taken.update(collector._shown)
        return taken


_SUFFIXES = {
    "counter": ("", "_total", "_created"),
    "summary": ("", "_sum", "_count", "_created"),
    "histogram": ("", "_bucket", "_sum", "_count", "_created"),
}
"""What a family of a type adds to its name, as ``prometheus_client``'s registry counts names."""


def register(made: Bridge, registry: CollectorRegistry) -> None:
    """Registers a bridge so that its families are found by their names too, as ``?name[]=`` asks for.

    The library looks names up in what collectors described when they were registered. A bridge describes
    nothing: a name that it described could never be another collector's.
    """
    registry.register(made)
    made._registry = registry
    restricted = registry.restricted_registry
    if not isinstance(restricted, _Restricted):
        registry.restricted_registry = _Restricted(registry)  # type: ignore[method-assign, assignment]


class _Restricted:
    """In place of a registry's method ``restricted_registry``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def __call__(self, names: Iterable[str]) -> _Restriction:
        return _Restriction(self._registry, frozenset(names))


class _Restriction:
    """Some of the families of a registry."""

    def __init__(self, registry: CollectorRegistry, names: frozenset[str]) -> None:
        self._registry = registry
        self._names = names

    def collect(self) -> Iterator[Metric]:
        """The families, each with the samples of the names that were asked for."""
        for metric in self._registry.collect():
            kept = [sample for sample in metric.samples if sample.name in self._names]
            if metric.name in self._names:
                kept = list(metric.samples)
            if kept:
                some = Metric(metric.name, metric.documentation, metric.type, metric.unit)
                some.samples = kept
                yield some


def bridge(registry: Registry, into: CollectorRegistry = REGISTRY) -> Bridge:
    """Shows the registry's metrics wherever that of ``prometheus_client`` is shown.

    They are those of all processes of the registry's directory, as at Ictus's own endpoint. To end it,
    ``into.unregister`` what is returned.
    """
    made = Bridge(registry._families)
    register(made, into)
    return made
