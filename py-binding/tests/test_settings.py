"""Tests that settings, their variables and subclasses apply in workers; invalid values are logged once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from harness import key, run, samples
from ictus import _core
from ictus.conductor import MetricsCollector, MetricsSettings, _sdk, surfaces

if TYPE_CHECKING:
    from pathlib import Path

DEFAULTS = (1000, 30)
WANTED = (200, 7)


@pytest.fixture(autouse=True)
def nothing_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ictus._log_once._logged", set())


def effective(directory: str) -> tuple[float, int]:
    """Returns the window and the number of series, after observations of 1 to 3,000 s and 30 task types."""
    shown = samples(directory, "legacy")
    median = shown[key("task_execute_time_seconds", quantile="0.5", taskType="t", status="SUCCESS")]
    assert shown[key("task_execute_time_seconds_count", taskType="t", status="SUCCESS")] == 3000
    polled = {labels for name, labels in shown if name == "task_poll_total"}
    overflow = frozenset({"taskType": "ictus_overflow"}.items())
    if overflow in polled:
        assert shown["task_poll_total", overflow] == 30 - len(polled - {overflow})
    # The newest n are 3001 - n to 3000.
    return (3000.5 - median) * 2, len(polled - {overflow})


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
@pytest.mark.parametrize(
    ("given", "variables", "expected"),
    [
        ({}, {}, DEFAULTS),
        ({"window": 200, "max_series": 7}, {}, WANTED),
        ({}, {"ICTUS_WINDOW": "200", "ICTUS_MAX_SERIES": " 7 "}, WANTED),
        ({"window": 200, "max_series": 7}, {"ICTUS_WINDOW": "50", "ICTUS_MAX_SERIES": "9"}, WANTED),
        ({"window": 3000}, {}, (3000, 30)),
        ({"window": 0, "max_series": -1}, {"ICTUS_WINDOW": "many"}, DEFAULTS),
    ],
    ids=["defaults", "arguments", "variables", "both", "larger", "nonsense"],
)
def test_settings_apply_in_workers(
    directory: str, method: str, given: dict[str, int], variables: dict[str, str], expected: tuple[int, int]
) -> None:
    run("spawned_process.py", directory, json.dumps(given), method, give=b"", **variables)
    window, series = effective(directory)
    assert (window, series) == pytest.approx(expected)


@pytest.mark.parametrize(("given", "window"), [(None, 200), (300, 300)])
def test_subclass_may_set_the_window(directory: str, given: int | None, window: int) -> None:
    class Own(MetricsCollector):
        """A subclass as it was written for the SDK's collector."""

        QUANTILE_WINDOW_SIZE = 200

    collector = Own(MetricsSettings(directory, window=given))
    for number in range(1, 3001):
        collector.record_task_execute_time("t", number)
    assert effective(directory)[0] == pytest.approx(window)


def test_settings_of_the_sdk_are_sufficient(directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICTUS_WINDOW", "200")
    collector = MetricsCollector(_sdk.MetricsSettings(directory))
    for number in range(1, 3001):
        collector.record_task_execute_time("t", number)
    assert effective(directory)[0] == pytest.approx(200)


@pytest.mark.parametrize("nonsense", [0, -1, 65_537, "many", 2.5e300, object()])
def test_invalid_values_are_ignored_and_logged_once(
    directory: str, nonsense: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        collector = MetricsCollector(MetricsSettings(directory, window=nonsense))
        collector.increment_task_poll("t")
    assert samples(directory)[key("task_poll_total", taskType="t")] == 3
    assert len([record for record in caplog.records if record.name == "ictus"]) == 1


@pytest.mark.parametrize("nonsense", ["legasy", "canonical,legacy", "legacy;documented"])
def test_invalid_surfaces_are_ignored_and_logged_once(
    directory: str, nonsense: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ICTUS_SURFACES", nonsense)
    for _ in range(3):
        collector = MetricsCollector(MetricsSettings(directory))
        assert surfaces.view(MetricsSettings(directory)).surfaces is None
    collector.increment_task_poll("t")
    assert collector.registry.get_sample_value("task_poll_total", {"taskType": "t"}) == 1
    assert len([record for record in caplog.records if record.name == "ictus"]) == 1


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("", {"http_api_client_request", "api_request_time_seconds"}),
        ("legacy", {"http_api_client_request"}),
        ("documented", {"api_request_time_seconds"}),
        ("legacy, documented", {"http_api_client_request", "api_request_time_seconds"}),
        ("canonical", {"http_api_client_request_seconds"}),
    ],
)
def test_surfaces_are_chosen_by_a_variable(
    directory: str, chosen: str, expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ICTUS_SURFACES", chosen)
    collector = MetricsCollector(MetricsSettings(directory))
    collector.record_api_request_time("GET", "/", "200", 0.1)
    families = {family.name for family in collector.registry.collect()}
    timers = {name for name in families if "request" in name and not name.endswith(("_count", "_sum"))}
    assert timers == expected


def test_timers_are_summaries_on_request(directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICTUS_TIMER_TYPE", "Summary")
    collector = MetricsCollector(MetricsSettings(directory))
    collector.record_task_poll_time("t", 0.1)
    types = {family.name: family.type for family in collector.registry.collect()}
    assert types["task_poll_time_seconds"] == "summary"
    assert "task_poll_time_seconds_count" not in types


def test_collecting_can_be_stopped_and_resumed(directory: str) -> None:
    collector = MetricsCollector(MetricsSettings(directory))

    def record() -> None:
        collector.increment_task_poll("t")
        collector.record_task_poll_time("t", 0.1)
        collector.record_api_request_time("GET", "/", 200, 0.1)
        collector.increment_task_execution_error("t", ValueError("x"))
        collector.set_active_workers("t", 1)
        collector.increment_uncaught_exception()

    def counts() -> dict[str, float]:
        shown = samples(directory)
        return {name: value for (name, _), value in shown.items() if name.endswith(("_total", "_count"))}

    record()
    previous = counts()
    collector.must_collect_metrics = False
    record()
    assert collector.must_collect_metrics is False
    assert counts() == previous
    collector.must_collect_metrics = True
    record()
    assert counts()["task_poll_total"] == 2


def test_settings_without_a_directory_use_the_sdks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = MetricsSettings(window=5)
    assert _sdk.metrics_directory(settings) == f"{tmp_path}/tmp/"
    MetricsCollector(settings).increment_task_poll("t")
    assert "task_poll_total" in _core.text(tmp_path / "tmp")


def test_restart_counter_of_the_parent_keeps_larger_windows(directory: str) -> None:
    parent = _core.Collector()
    parent._open(directory)
    parent.increment_worker_restart("t")
    run("spawned_process.py", directory, json.dumps({"window": 3000}), "spawn")
    assert effective(directory)[0] == pytest.approx(3000)
