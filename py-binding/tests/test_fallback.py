"""Tests that a failure inside Ictus leaves the worker running, and the SDK's metrics shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import environment, eventually, file_samples, key, kill, provider, run, samples, start
from ictus import _prometheus_client
from ictus.conductor import MetricsSettings, _sdk, cleanup, factory
from ictus.conductor import provider as provider_module


def test_failing_collector_records_as_that_of_the_sdk(directory: str) -> None:
    polls = key("task_poll_total", taskType="failing")
    times = key("task_execute_time_seconds_count", taskType="failing", status="SUCCESS")
    worker = start("failing_collector.py", directory)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"done\n"
        with provider(directory):
            shown = eventually(lambda: file_samples(Path(directory, "out.prom")), lambda now: times in now)
            assert (shown[polls], shown[times]) == (3, 3)
            # Meanwhile other processes record with Ictus.
            run("recording_worker.py", directory, "0.5", "10")
            shared = key("task_execute_time_seconds_count", taskType="shared", status="SUCCESS")
            shown = eventually(lambda: file_samples(Path(directory, "out.prom")), lambda now: shared in now)
            assert (shown[shared], shown[times]) == (10, 3)
    finally:
        kill(worker)


def test_failing_provider_is_replaced_by_that_of_the_sdk(
    directory: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[Any] = []

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(provider_module, "_provider", fail)
    monkeypatch.setattr(_sdk, "provide_metrics", given.append)
    monkeypatch.setattr("ictus._log_once._logged", set())
    settings = MetricsSettings(directory)
    provider_module.provide_metrics(settings)
    assert given == [settings]
    assert "the SDK's own provider takes over: RuntimeError: broken" in caplog.text
    # The SDK's provider does not take over if it would expose metrics to more clients than the
    # settings allow.
    monkeypatch.setenv("ICTUS_HTTP_HOST", "127.0.0.1")
    with pytest.raises(RuntimeError):
        provider_module.provide_metrics(MetricsSettings(directory, http_port=1))


def test_all_is_replaced_or_nothing(directory: str) -> None:
    program = f"""
import sys
from conductor.client.configuration.settings.metrics_settings import MetricsSettings as theirs
from conductor.client.telemetry import metrics_collector

def state():
    kept = metrics_collector.MetricsCollector
    return kept, vars(theirs).copy(), vars(kept).copy(), metrics_collector._ensure_prometheus_imported

def fail(*_):
    raise RuntimeError("broken")

previous = state()
sys.modules["ictus.conductor.cleanup"] = broken = type(sys)("ictus.conductor.cleanup")
broken.install = broken.clean_once = broken.clean_before_workers = fail
from ictus.conductor import MetricsCollector, MetricsSettings
print(previous == state(), MetricsCollector is previous[0])
MetricsCollector(MetricsSettings({directory!r})).increment_task_poll("t")
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
        timeout=60,
    )
    assert ran.stdout == "True True\n"
    assert ran.stderr == (
        "the SDK's own metrics stay in use: they cannot be replaced (RuntimeError: broken)\n"
    )
    assert list(Path(directory).glob("*.db"))


def test_users_metrics_are_merged_by_the_sdks_rules() -> None:
    from prometheus_client.metrics_core import Metric  # noqa: PLC0415

    metric = Metric("own", "Own.", "gauge")
    values = {
        ("own", ()): 2.0,
        ("own_count", ()): 3.0,
        ("own_sum", ()): 3.0,
        ("own_bucket_size", ()): 3.0,
        ("own", (("quantile", "0.5"),)): 1.5,
    }
    for pid, value in (("1", 1.0), ("2", 2.0)):
        for name, labels in values:
            metric.add_sample(name, dict(labels) | {"pid": pid}, value)
    assert {
        (name, tuple(labels.items())): value
        for name, labels, value in _prometheus_client._merge_samples(metric)
    } == values


@pytest.mark.parametrize("flag", ["clean_directory", "clean_dead_pids"])
def test_directories_are_cleaned_if_only_workers_clean(
    directory: str, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    """Only workers clean, as in 1.4.0 and 1.5.0."""
    if not hasattr(_sdk.MetricsSettings, "_clean_stale_db_files"):
        pytest.skip("until 1.3 settings clean nothing")
    monkeypatch.setattr(_sdk, "CLEANS_IN_PARENT", False)
    monkeypatch.setattr(cleanup, "_cleaned", set())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for clean in (factory.create_metrics_collector, cleanup.clean_before_workers):
        run("recording_worker.py", directory, "0.5", "10")
        stale = Path(directory, f"counter_{ended.pid}.db")
        stale.write_bytes(b"")
        settings: Any = MetricsSettings
        clean(settings(directory, **{flag: True}))
        assert not stale.exists()
        count = key("task_execute_time_seconds_count", taskType="shared", status="SUCCESS")
        assert (count in samples(directory)) == (flag == "clean_dead_pids")
