"""What Ictus recorded, as observable instruments of OpenTelemetry: needs ``opentelemetry-api``.

Counters are observable counters, gauges are observable gauges; a timer is two observable counters,
``….count`` and ``….sum``, and an observable gauge of its quantiles, with the attribute ``quantile``.
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
    """Makes instruments for families as they appear, and answers all of them from one snapshot."""

    def __init__(self, registry: Registry, meter: Meter) -> None:
        self._registry = registry
        self._meter = meter
        # Never held while instruments are created: their creation waits for the end of a
        # collection, which may wait for this lock.
        self._lock = threading.Lock()
        self._made: set[str] = set()
        self._served: set[str] = set()
        # The snapshot of the current collection, or of the last one.
        self._snapshot: Snapshot | None = None
        self.refresh()

    def refresh(self) -> None:
        """Makes the instruments of families that are new. Each collection has it done for the next one."""
        # Not the snapshot that answers collections: that one must begin after its collection does.
        snapshot = self._registry.snapshot()
        with self._lock:
            new = self._new(snapshot)
            self._made.update(family.name for family in new)
        for family in new:
            self._make(family)

    def _new(self, snapshot: Snapshot) -> list[Family]:
        return [family for family in snapshot.families if family.name not in self._made]

    def _make(self, family: Family) -> None:
        name, text, unit = family.name, family.help, {"seconds": "s", "bytes": "By"}.get(family.unit, "")
        meter = self._meter
        if family.kind == "counter":
            meter.create_observable_counter(name, [self._reads(name, name, _number)], unit, text)
        elif family.kind == "gauge":
            meter.create_observable_gauge(name, [self._reads(name, name, _number)], unit, text)
        else:
            meter.create_observable_counter(
                f"{name}.count", [self._reads(f"{name}.count", name, _count)], "1", text
            )
            meter.create_observable_counter(
                f"{name}.sum", [self._reads(f"{name}.sum", name, _sum)], unit, text
            )
            meter.create_observable_gauge(name, [self._reads(name, name, _quantiles)], unit, text)

    def _reads(
        self, instrument: str, family: str, observe: Callable[[Any, dict[str, str]], Iterable[Observation]]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def callback(_: CallbackOptions) -> Iterable[Observation]:
            with self._lock:
                # A second call for the same instrument means that a new collection has begun.
                if self._snapshot is None or instrument in self._served:
                    self._snapshot = self._registry.snapshot()
                    self._served.clear()
                    if self._new(self._snapshot):
                        # Another thread does this, because this one is in the middle of a
                        # collection.
                        threading.Thread(target=self.refresh, name="ictus-otel", daemon=True).start()
                self._served.add(instrument)
                found = self._snapshot.family(family)
            if found is None:
                return []
            names = found.label_names
            return [
                observation
                for values, held in found.series
                for observation in observe(held, dict(zip(names, values, strict=True)))
            ]

        return callback


def _number(held: Any, attributes: dict[str, str]) -> Iterable[Observation]:
    yield Observation(held, attributes)


def _count(held: Any, attributes: dict[str, str]) -> Iterable[Observation]:
    yield Observation(held.count, attributes)


def _sum(held: Any, attributes: dict[str, str]) -> Iterable[Observation]:
    yield Observation(held.sum, attributes)


def _quantiles(held: Any, attributes: dict[str, str]) -> Iterable[Observation]:
    for q in QUANTILES:
        value = held.quantile(q)
        if value is not None:
            yield Observation(value, {**attributes, "quantile": str(q)})


def bridge(registry: Registry, meter: Meter) -> Bridge:
    """Shows the registry's metrics, those of all processes of its directory, through the meter."""
    return Bridge(registry, meter)
