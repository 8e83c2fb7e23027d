"""For tests of programs that record with Ictus."""

from __future__ import annotations

import ictus


def get_sample_value(
    registry: ictus.Registry, name: str, labels: dict[str, str] | None = None
) -> float | None:
    """The value of a sample, by its name and labels as the text shows them; None where it is not shown.

    A counter's is named with ``_total``; a timer has ``…_count``, ``…_sum``, and a ``quantile`` label.
    """
    for _, _, _, samples in registry._families():
        for sample, shown, value in samples:
            if sample == name and shown == (labels or {}):
                return value
    return None


def reset(registry: ictus.Registry) -> None:
    """Begins all series of this process again, at zero. Metrics and children go on recording.

    For a registry in memory, or one whose directory no other process uses: what these have recorded
    stays.
    """
    # Two calls are needed to detect whether counters and gauges change.
    for _ in range(2):
        registry.remove_idle(0)
