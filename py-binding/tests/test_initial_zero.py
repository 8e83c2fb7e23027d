"""Tests that counters of a task type exist before they count, so that Prometheus sees the first event."""

from __future__ import annotations

from typing import Any

import pytest

from harness import key, samples
from ictus import _core
from ictus.conductor import MetricsCollector, MetricsSettings

ZEROS = [
    "task_execution_queue_full_total",
    "task_paused_total",
    "worker_restart_total",
]


@pytest.mark.parametrize("surface", ["legacy", "documented", "canonical"])
def test_first_poll_shows_the_counters_of_its_task_type(directory: str, surface: str) -> None:
    collector: Any = MetricsCollector(MetricsSettings(directory))
    assert not samples(directory, surface).keys() & {key(name, taskType="t") for name in ZEROS}
    collector.increment_task_poll("t")
    shown = samples(directory, surface)
    assert shown[key("task_poll_total", taskType="t")] == 1
    assert [shown[key(name, taskType="t")] for name in ZEROS] == [0, 0, 0]
    if surface != "documented":
        assert shown[key("task_ack_failed_total", taskType="t")] == 0
    if surface == "canonical":
        assert shown[key("task_execution_started_total", taskType="t")] == 0
    for _ in range(5):
        # Another object with the same text.
        collector.increment_task_poll("".join(["t"]))
        collector.increment_task_paused("t")
    shown = samples(directory, surface)
    assert shown[key("task_poll_total", taskType="t")] == 6
    assert shown[key("task_paused_total", taskType="t")] == 5


def test_nothing_else_is_shown_at_zero(directory: str) -> None:
    collector: Any = MetricsCollector(MetricsSettings(directory))
    collector.increment_task_poll("t")
    zeros = {name for (name, _), value in samples(directory, "legacy").items() if value == 0}
    own = {name for name in zeros if name.startswith("ictus_")}
    assert zeros - own == {*ZEROS, "task_ack_failed_total"}


def test_paused_collector_shows_nothing(directory: str) -> None:
    collector: Any = MetricsCollector(MetricsSettings(directory))
    collector.must_collect_metrics = False
    collector.increment_task_poll("t")
    assert "task_paused" not in _core.text(directory, ["legacy"])
