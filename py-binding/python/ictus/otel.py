"""Recorded metrics as observable instruments of OpenTelemetry. Requires ``opentelemetry-api``.

A counter is an observable counter, and a gauge is an observable gauge. A timer is two observable counters,
``….count`` and ``….sum``, and an observable gauge of its quantiles with the attribute ``quantile``.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Meter

    from ictus import Family, Registry, Snapshot

QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)


class Bridge:
    """Creates an instrument for each family. All instruments of a collection read one snapshot."""

    def __init__(self, registry: Registry, meter: Meter) -> None:
        self._registry = registry
        self._meter = meter
        # Never held while instruments are created: their creation waits for the end of a
        # collection, which may wait for this lock.
        self._lock = threading.Lock()
        self._instrumented: set[str] = set()
        self._observed: set[str] = set()
        # The snapshot of the current collection, or of the last one.
        self._snapshot: Snapshot | None = None
        self.refresh()

    def refresh(self) -> None:
        """Creates instruments for new families. Each collection starts this for the next one."""
        # Not the snapshot that answers collections: that one must begin after its collection does.
        snapshot = self._registry.snapshot()
        with self._lock:
            new = self._new_families(snapshot)
            self._instrumented.update(family.name for family in new)
        for family in new:
            self._create_instruments(family)

    def _new_families(self, snapshot: Snapshot) -> list[Family]:
        return [family for family in snapshot.families if family.name not in self._instrumented]

    def _create_instruments(self, family: Family) -> None:
        name, text, unit = family.name, family.help, {"seconds": "s", "bytes": "By"}.get(family.unit, "")
        meter = self._meter
        if family.kind == "counter":
            meter.create_observable_counter(name, [self._callback(name, name, _number)], unit, text)
        elif family.kind == "gauge":
            meter.create_observable_gauge(name, [self._callback(name, name, _number)], unit, text)
        else:
            meter.create_observable_counter(
                f"{name}.count", [self._callback(f"{name}.count", name, _count)], "1", text
            )
            meter.create_observable_counter(
                f"{name}.sum", [self._callback(f"{name}.sum", name, _sum)], unit, text
            )
            meter.create_observable_gauge(name, [self._callback(name, name, _quantiles)], unit, text)

    def _callback(
        self, instrument: str, family: str, observe: Callable[[Any, dict[str, str]], Iterable[Observation]]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def callback(_: CallbackOptions) -> Iterable[Observation]:
            with self._lock:
                # A second call for the same instrument means that a new collection has begun.
                if self._snapshot is None or instrument in self._observed:
                    self._snapshot = self._registry.snapshot()
                    self._observed.clear()
                    if self._new_families(self._snapshot):
                        # Another thread does this, because this one is in the middle of a
                        # collection.
                        threading.Thread(target=self.refresh, name="ictus-otel", daemon=True).start()
                self._observed.add(instrument)
                result = self._snapshot.family(family)
            if result is None:
                return []
            names = result.label_names
            return [
                observation
                for values, value in result.series
                for observation in observe(value, dict(zip(names, values, strict=True)))
            ]

        return callback


def _number(value: Any, attributes: dict[str, str]) -> Iterable[Observation]:
    yield Observation(value, attributes)


def _count(value: Any, attributes: dict[str, str]) -> Iterable[Observation]:
    yield Observation(value.count, attributes)


def _sum(value: Any, attributes: dict[str, str]) -> Iterable[Observation]:
    yield Observation(value.sum, attributes)


def _quantiles(value: Any, attributes: dict[str, str]) -> Iterable[Observation]:
    for q in QUANTILES:
        quantile = value.quantile(q)
        if quantile is not None:
            yield Observation(quantile, {**attributes, "quantile": str(q)})


def bridge(registry: Registry, meter: Meter) -> Bridge:
    """Exports the registry's metrics through the meter.

    If the registry has a directory, they are those of all its processes.
    """
    return Bridge(registry, meter)
