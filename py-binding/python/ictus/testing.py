"""Helpers for tests of programs that record with Ictus."""

from __future__ import annotations

import ictus


def get_sample_value(
    registry: ictus.Registry, name: str, labels: dict[str, str] | None = None
) -> float | None:
    """Returns the value of a sample by its name and labels in the text format, or None if it does not exist.

    The name of a counter's sample ends with ``_total``. A timer has the samples ``…_count`` and ``…_sum``,
    and one for each ``quantile`` label.
    """
    for _, _, _, samples in registry._families():
        for sample, shown, value in samples:
            if sample == name and shown == (labels or {}):
                return value
    return None


def reset(registry: ictus.Registry) -> None:
    """Resets all series of this process to zero. Metrics and children keep recording.

    Use a registry in memory, or a directory that no other process uses: their values are not reset.
    """
    # Two calls are needed to detect whether counters and gauges change.
    for _ in range(2):
        registry.remove_idle(0)
