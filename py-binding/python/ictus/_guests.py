"""Metrics that users define themselves with ``prometheus_client`` in multiprocess mode.

The SDK's provider shows them beside its own, so whatever shows Ictus's does too. They stay in
``prometheus_client``'s files; what the SDK's collector may have left there under names of the catalog is not
shown twice.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from ictus import _core

if TYPE_CHECKING:
    from pathlib import Path

    from ictus._core import Family

_CATALOG = frozenset(_core.shown_names())

CAN_BE_MERGED = importlib.util.find_spec("prometheus_client") is not None
"""Whether the library that can read them is installed."""


def families(directory: Path) -> list[Family]:
    """The guests' families, merged over processes as the SDK's provider does, without a label for the pid."""
    if next(directory.glob("*.db"), None) is None:
        return []
    # Only now: who has no guests need not wait for it, and a provider has to set its variable first.
    from prometheus_client import CollectorRegistry  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    # The type of the registry is not stated by the library.
    files: Any = MultiProcessCollector(CollectorRegistry(), path=str(directory))  # type: ignore[no-untyped-call]
    return [
        (metric.name, metric.documentation, metric.type, _merged(metric))
        for metric in files.collect()
        if metric.name not in _CATALOG and f"{metric.name}_total" not in _CATALOG
    ]


def _merged(metric: Any) -> list[tuple[str, dict[str, str], float]]:
    """The samples of a family, those that differ by nothing but the process made one.

    What adds up is added up. Of a gauge that each process has its own value of, the last one read is
    shown: its ``multiprocess_mode`` says what it should be instead.
    """
    merged: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for sample in metric.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "pid"}
        key = (sample.name, tuple(sorted(labels.items())))
        if metric.type != "gauge":
            merged[key] = merged.get(key, 0.0) + sample.value
        else:
            merged[key] = sample.value
    return [(name, dict(labels), value) for (name, labels), value in merged.items()]
