"""Tests that the restart counter of the SDK's parent process records into the directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from conductor.client.telemetry import metrics_collector
from conductor.client.telemetry.model.metric_documentation import MetricDocumentation
from conductor.client.telemetry.model.metric_label import MetricLabel
from conductor.client.telemetry.model.metric_name import MetricName

import ictus.conductor  # noqa: F401 - replaces the counter
from harness import key, run, samples


def test_restart_counter_of_the_parent_is_in_the_directory(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", directory)
    metrics_collector._ensure_prometheus_imported()
    registry = metrics_collector.CollectorRegistry()
    # The SDK's parent process creates it like this.
    counter = metrics_collector.Counter(
        name=MetricName.WORKER_RESTART,
        documentation=MetricDocumentation.WORKER_RESTART,
        labelnames=[MetricLabel.TASK_TYPE.value],
        registry=registry,
    )
    counter.labels("t").inc()
    counter.labels("t").inc()
    assert samples(directory, "legacy")[key("worker_restart_total", taskType="t")] == 2
    assert registry.get_sample_value("worker_restart_total", {"taskType": "t"}) == 2
    assert not list(Path(directory).glob("*.db"))


def test_other_counters_are_those_of_prometheus_client(directory: str) -> None:
    # Runs in a separate process, whose counters live in files.
    printed = run("renamed_counter.py", directory, PROMETHEUS_MULTIPROC_DIR=directory)
    assert b'own_total{label="x"} 3.0' in printed


def test_lost_restarts_are_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(file))
    metrics_collector._ensure_prometheus_imported()
    counter = metrics_collector.Counter(
        "worker_restart", "Restarts", ["taskType"], registry=metrics_collector.CollectorRegistry()
    )
    for task_type in ("a", "b"):
        counter.labels(task_type).inc()
    assert len([record for record in caplog.records if record.name == "ictus"]) == 1
