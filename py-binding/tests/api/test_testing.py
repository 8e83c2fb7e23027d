"""Tests the helpers for the tests of programs."""

from __future__ import annotations

import ictus
from ictus import testing


def test_samples_are_found_by_their_names_in_the_text() -> None:
    registry = ictus.Registry()
    registry.counter("jobs", "", ["queue"]).labels("a").inc(2)
    registry.timer("work_seconds").observe(0.5)
    values = [
        testing.get_sample_value(registry, name, labels)
        for name, labels in [
            ("jobs_total", {"queue": "a"}),
            ("work_seconds_count", None),
            ("work_seconds_sum", {}),
            ("work_seconds", {"quantile": "0.99"}),
            ("jobs_total", {"queue": "b"}),
            ("jobs_total", None),
            ("other", None),
        ]
    ]
    assert values == [2, 1, 0.5, 0.5, None, None, None]


def test_reset_sets_to_zero_and_keeps_metrics_and_children() -> None:
    registry = ictus.Registry()
    child = registry.counter("jobs", "", ["queue"]).labels("a")
    active, work = registry.gauge("active"), registry.timer("work_seconds")
    for _ in range(3):
        testing.reset(registry)
        assert registry.snapshot().families == []
        child.inc()
        active.inc()
        work.observe(1)
        snapshot = registry.snapshot()
        timing = snapshot.timing("work_seconds")
        assert timing is not None
        assert (snapshot.value("jobs", queue="a"), snapshot.value("active"), timing.count) == (1, 1, 1)
