"""Tests that collectors are instances of the SDK's classes to every caller, and never raise."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from conductor.client.telemetry.model.metric_label import MetricLabel
from prometheus_client import Counter, generate_latest, write_to_textfile

from harness import HAS_FACTORY, key, run, samples
from ictus import _core
from ictus.conductor import (
    CanonicalMetricsCollector,
    LegacyMetricsCollector,
    MetricsCollector,
    MetricsSettings,
    _sdk,
    create_metrics_collector,
    create_metrics_collector_for_parent,
    methods,
)

COLLECTORS = [LegacyMetricsCollector, CanonicalMetricsCollector]


class Unprintable(Exception):
    """An exception whose conversion to text fails."""

    def __str__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize("collector", COLLECTORS)
def test_instances_are_those_of_the_sdk_without_its_files(directory: str, collector: Any) -> None:
    instance = collector(MetricsSettings(directory=directory))
    assert isinstance(instance, _sdk.CollectorBase)
    assert instance.must_collect_metrics is True
    assert instance.counters == instance.gauges == instance.histograms == {}
    assert instance._lock.acquire(blocking=False)
    assert instance.collector_name() == ("canonical" if collector is CanonicalMetricsCollector else "legacy")
    if HAS_FACTORY:
        assert instance._active_worker_counts == {}
    instance.increment_task_poll("t")
    instance.record_task_poll_time("t", 0.1)
    assert not list(Path(directory).glob("*.db"))


@pytest.mark.parametrize("collector", COLLECTORS)
def test_without_settings_nothing_is_recorded(collector: Any) -> None:
    instance = collector(None)
    instance.increment_task_poll("t")
    instance.record_task_execute_time("t", 1.0, status="FAILURE")
    instance.increment_uncaught_exception()
    assert instance.registry is None
    assert instance.must_collect_metrics is False


def test_overridden_and_patched_methods_are_honoured(directory: str) -> None:
    class Own(MetricsCollector):
        """Counts the polls, and passes each call on."""

        def __init__(self, settings: MetricsSettings, *, name: str) -> None:
            super().__init__(settings)
            self.name = name
            self.polls: list[str] = []

        def increment_task_poll(self, task_type: Any) -> None:
            self.polls.append(task_type)
            super().increment_task_poll(task_type)

    own = Own(MetricsSettings(directory=directory), name="own")
    own.on_poll_started(SimpleNamespace(task_type="t"))
    assert (own.name, own.polls) == ("own", ["t"])
    with patch.object(own, "record_task_poll_time") as record:
        own.on_poll_completed(SimpleNamespace(task_type="t", duration_ms=250))
    record.assert_called_once_with("t", 0.25, status="SUCCESS")
    with patch.object(own, "increment_workflow_start_error") as increment:
        own.measure_workflow_start_error("w", None)
    increment.assert_called_once_with("w", None)
    assert samples(directory, "legacy")[key("task_poll_total", taskType="t")] == 1


def test_classes_imported_or_derived_earlier_create_our_instances(directory: str) -> None:
    settings = MetricsSettings(directory=directory)

    class Own(_sdk.LegacyMetricsCollector):  # type: ignore[misc]
        """A subclass in a program that only imports the SDK's class."""

        def __init__(self, settings: Any, name: str = "own") -> None:
            super().__init__(settings)
            self.name = name

        def increment_task_poll(self, task_type: Any) -> None:
            super().increment_task_poll(f"{self.name} {task_type}")

    class Further(Own):
        """A further subclass."""

    for instance, name in ((Own(settings), "own"), (Further(settings, name="further"), "further")):
        assert isinstance(instance, (Own, LegacyMetricsCollector))
        instance.on_poll_started(SimpleNamespace(task_type="t"))
        assert samples(directory)[key("task_poll_total", taskType=f"{name} t")] == 1
    assert type(Own(settings)) is type(Own(settings))
    assert type(Own(settings)).__name__ == "Own"
    assert type(_sdk.LegacyMetricsCollector(settings)) is LegacyMetricsCollector
    if HAS_FACTORY:
        assert type(_sdk.CanonicalMetricsCollector(settings)) is CanonicalMetricsCollector
        create: Any = _sdk.create_metrics_collector
        assert type(create(settings)) is LegacyMetricsCollector
    assert not list(Path(directory).glob("*.db"))


@pytest.mark.parametrize("odd", [None, 7, b"bytes", "\udc80", Unprintable(), object, [], "x" * 100_000])
@pytest.mark.parametrize("number", ["no number", None, float("nan"), float("inf"), -1, 10**400, object()])
def test_no_value_raises(directory: str, odd: Any, number: Any) -> None:
    collector = MetricsCollector(MetricsSettings(directory=directory))
    collector.increment_task_poll(odd)
    collector.increment_task_execution_error(odd, odd)
    collector.increment_task_poll_error(odd, odd)
    collector.increment_uncaught_exception(odd)
    collector.measure_workflow_start_error(odd, odd)
    collector.increment_external_payload_used(odd, odd, odd)
    collector.record_task_poll_time(odd, number)
    collector.record_task_execute_time(odd, number, status=odd)
    collector.record_api_request_time(odd, odd, odd, number, metric_uri=odd)
    collector.record_task_result_payload_size(odd, number)
    collector.record_workflow_input_payload_size(odd, odd, number)
    collector.set_active_workers(odd, number)
    samples(directory)


class Raising:
    """An object whose conversion to a text or a number is interrupted, or ends the program."""

    def __init__(self, raises: BaseException) -> None:
        self._raises = raises

    def __str__(self) -> str:
        raise self._raises

    def __float__(self) -> float:
        raise self._raises

    def __bool__(self) -> bool:
        raise self._raises


class RaisingError(Raising, Exception):
    """An exception with such conversions."""


CALLS: dict[str, list[Any]] = {
    "increment_task_poll": ["t"],
    "increment_task_poll_error": ["t", "error"],
    "increment_task_execution_started": ["t"],
    "increment_task_execution_queue_full": ["t"],
    "increment_task_execution_error": ["t", "error"],
    "increment_task_ack_failed": ["t"],
    "increment_task_ack_error": ["t", "error"],
    "increment_task_update_error": ["t", "error"],
    "increment_task_paused": ["t"],
    "increment_uncaught_exception": ["error"],
    "increment_worker_restart": ["t"],
    "increment_external_payload_used": ["t", "READ", "TASK_INPUT"],
    "increment_workflow_start_error": ["w", "error"],
    "measure_workflow_start_error": ["w", "error"],
    "record_task_poll_time": ["t", 1.0, "SUCCESS"],
    "record_task_execute_time": ["t", 1.0, "SUCCESS"],
    "record_task_update_time": ["t", 1.0, "SUCCESS"],
    "record_task_poll_time_histogram": ["t", 1.0, "SUCCESS"],
    "record_task_execute_time_histogram": ["t", 1.0, "SUCCESS"],
    "record_task_update_time_histogram": ["t", 1.0, "SUCCESS"],
    # A template is shown in place of the URI. An empty template is tested for that, and not shown.
    "record_api_request_time": ["GET", "/", "200", 1.0, ""],
    "record_task_result_payload_size": ["t", 1],
    "record_workflow_input_payload_size": ["w", 1, 1],
    "set_active_workers": ["t", 1],
}


@pytest.mark.parametrize("raises", [KeyboardInterrupt(), SystemExit(3)])
def test_interrupts_and_exits_pass_through_every_argument(directory: str, raises: BaseException) -> None:
    assert CALLS.keys() == methods.NATIVE
    collector = _core.Collector()
    collector._open(directory)
    for name, arguments in CALLS.items():
        for index in range(len(arguments)):
            given = [*arguments[:index], Raising(raises), *arguments[index + 1 :]]
            with pytest.raises(type(raises)):
                getattr(collector, name)(*given)
            # An `Exception` ends nothing.
            given[index] = Raising(ValueError("no"))
            getattr(collector, name)(*given)
    with pytest.raises(type(raises)):
        collector.increment_task_execution_error("t", RaisingError(raises))


def test_interrupts_and_exits_record_nothing(directory: str) -> None:
    collector = MetricsCollector(MetricsSettings(directory=directory))
    collector.increment_task_execution_error("t", "counted")
    with pytest.raises(KeyboardInterrupt):
        collector.increment_task_execution_error("t", RaisingError(KeyboardInterrupt()))
    counted = {
        labels: value for (name, labels), value in samples(directory).items() if "execute_error" in name
    }
    assert list(counted.values()) == [1.0]


def test_series_are_identified_by_text_and_not_by_object(directory: str) -> None:
    class Changing(str):
        """A string subclass whose text changes with each conversion."""

        conversions = 0

        def __str__(self) -> str:
            self.conversions += 1
            return f"text {self.conversions}"

    collector = MetricsCollector(MetricsSettings(directory=directory))
    # More label sets than the identity cache holds, and several objects of each text in each round.
    kept = [f"kept {number}" for number in range(300)]
    changing = Changing("changing")
    for _ in range(3):
        for name in kept:
            collector.increment_task_poll(name)
            collector.increment_task_poll("".join(name))
            collector.increment_task_poll(name.encode().decode())
        collector.increment_task_poll(changing)
    shown = {
        dict(labels)["taskType"]: value
        for (name, labels), value in samples(directory).items()
        if name == "task_poll_total"
    }
    changed = {f"text {number}": 1.0 for number in (1, 2, 3)}
    assert shown == dict.fromkeys(kept, 9.0) | changed


def test_errors_are_shown_by_message_or_by_class(directory: str) -> None:
    collector = MetricsCollector(MetricsSettings(directory=directory))
    # 199 bytes and one character of two bytes: the limit would fall within the character.
    collector.increment_task_execution_error("t", ValueError("x" * 199 + "é"))
    collector.increment_task_update_error("t", ValueError)
    collector.increment_task_ack_error("t", "a string")
    collector.increment_workflow_start_error("w", None)
    legacy = samples(directory, "legacy")
    assert legacy[key("task_execute_error_total", taskType="t", exception="x" * 199)] == 1
    assert legacy[key("task_update_error_total", taskType="t", exception="<class 'ValueError'>")] == 1
    assert legacy[key("task_ack_error_total", taskType="t", exception="a string")] == 1
    assert legacy[key("workflow_start_error_total", workflowType="w", exception="None")] == 1
    canonical = samples(directory, "canonical")
    assert canonical[key("task_execute_error_total", taskType="t", exception="ValueError")] == 1
    assert canonical[key("task_update_error_total", taskType="t", exception="ValueError")] == 1
    assert canonical[key("task_ack_error_total", taskType="t", exception="a string")] == 1
    assert canonical[key("workflow_start_error_total", workflowType="w", exception="None")] == 1


class Response(Exception):
    """An exception like ``ApiException``: its text has the headers, and so the date, of a response."""

    def __init__(self, second: int) -> None:
        super().__init__(f"(503)\nHTTP response headers: Date: Mon, 01 Jan 2024 00:00:{second:02} GMT")
        self.headers = {"Date": second}


def test_texts_of_responses_and_of_workflow_errors_are_no_labels(directory: str) -> None:
    collector = MetricsCollector(MetricsSettings(directory=directory))
    for second in range(5):
        for kind in ("task_execution", "task_update", "task_ack"):
            getattr(collector, f"increment_{kind}_error")("t", Response(second))
        collector.increment_task_poll_error("t", Response(second))
        collector.increment_uncaught_exception(Response(second))
        collector.increment_workflow_start_error("w", Response(second))
        collector.measure_workflow_start_error("w", ValueError(f"order {second}"))
    for surface in ("legacy", "documented", "canonical"):
        labels = [dict(labels) for name, labels in samples(directory, surface) if name.endswith("_total")]
        exceptions = {label["exception"] for label in labels if "exception" in label}
        assert exceptions == {"Response", "ValueError"}, surface


def test_an_absent_version_is_recorded_as_absent(directory: str) -> None:
    collector = MetricsCollector(MetricsSettings(directory=directory))
    event = SimpleNamespace(name="w", version=None, size_bytes=10)
    collector.on_workflow_input_payload_size(event)
    collector.record_workflow_input_payload_size("empty", "", 20)
    legacy = samples(directory, "legacy")
    # The SDK's spelling, on this surface. An empty version is a version as well.
    assert legacy[key("workflow_input_size", workflowType="w", version="1")] == 10
    assert legacy[key("workflow_input_size", workflowType="empty", version="")] == 20
    canonical = samples(directory, "canonical")
    assert canonical[key("workflow_input_size_bytes_count", workflowType="w", version="")] == 1


def test_the_registry_is_one_of_prometheus_client(directory: str) -> None:
    collector = MetricsCollector(MetricsSettings(directory=directory))
    collector.increment_task_poll("t")
    Counter("mine", "A user's own", registry=collector.registry).inc()
    shown = generate_latest(collector.registry).decode()
    assert 'task_poll_total{taskType="t"} 1.0' in shown
    assert "mine_total 1.0" in shown
    path = Path(directory, "out.prom")
    write_to_textfile(str(path), collector.registry)
    assert 'task_poll_total{taskType="t"} 1.0' in path.read_text(encoding="utf-8")


def test_registry_shows_the_values_of_this_process(directory: str) -> None:
    run("recording_worker.py", directory, "0.5", "10")
    collector = MetricsCollector(MetricsSettings(directory=directory))
    assert collector.registry.get_sample_value("task_execute_time_seconds_count") is None
    collector.record_task_execute_time("shared", 0.25)
    labels = {"taskType": "shared", "status": "SUCCESS"}
    assert collector.registry.get_sample_value("task_execute_time_seconds_count", labels) == 1
    assert collector.registry.get_sample_value("task_execute_time_seconds_sum", labels) == 0.25
    child = os.fork()
    if child == 0:
        # A child has not recorded anything yet, regardless of its parent.
        same = collector.registry.get_sample_value("task_execute_time_seconds_count", labels)
        os._exit(0 if same is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert samples(directory)[key("task_execute_time_seconds_count", **labels)] == 11


def test_forked_child_has_its_own_locks(directory: str) -> None:
    collector: Any = MetricsCollector(MetricsSettings(directory=directory))
    locked = threading.Event()
    release = threading.Event()

    def hold() -> None:
        with collector._lock, collector.registry._lock:
            locked.set()
            release.wait()

    holding = threading.Thread(target=hold)
    holding.start()
    locked.wait()
    child = os.fork()
    if child == 0:
        # Ends the child if it waits indefinitely.
        signal.alarm(60)
        collector.increment_task_poll("t")
        if HAS_FACTORY:
            collector._increment_counter("own", "A user's own.", {MetricLabel.TASK_TYPE: "t"})
        polls = collector.registry.get_sample_value("task_poll_total", {"taskType": "t"})
        os._exit(0 if polls == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    release.set()
    holding.join()


def test_settings_are_pickled_whole(directory: str) -> None:
    settings = MetricsSettings(directory=directory, file_name="f", update_interval=2.5, http_port=1)
    copy = pickle.loads(pickle.dumps(settings))
    assert type(copy) is MetricsSettings
    assert vars(copy) == vars(settings)
    original = _sdk.MetricsSettings(directory=directory)
    assert vars(pickle.loads(pickle.dumps(original))) == vars(original)


def test_factory_creates_the_collector_of_the_settings(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for create in (create_metrics_collector, create_metrics_collector_for_parent):
        assert type(create(MetricsSettings(directory=directory))) is LegacyMetricsCollector
    monkeypatch.setenv("WORKER_CANONICAL_METRICS", " True ")
    created = create_metrics_collector(MetricsSettings(directory=directory))
    assert type(created) is (CanonicalMetricsCollector if HAS_FACTORY else LegacyMetricsCollector)
    created.increment_task_poll_error("t", ValueError("x"))
    where = f"{directory}/canonical" if HAS_FACTORY else directory
    polls = key("task_poll_error_total", taskType="t", exception="ValueError")
    assert samples(where, "canonical")[polls] == 1
    assert created.registry.get_sample_value(polls[0], dict(polls[1])) == (1 if HAS_FACTORY else None)


def test_unusable_directory_leaves_the_sdks_own_metrics(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    settings = SimpleNamespace(
        directory=str(file),
        metrics_directory=str(file),
        is_canonical=False,
        clean_metrics_directory=lambda: file.mkdir(exist_ok=True),
    )
    for make in (MetricsCollector, create_metrics_collector, create_metrics_collector_for_parent):
        collector = make(settings)
        collector.increment_task_poll("t")
        assert collector.registry.get_sample_value("task_poll_total", {"taskType": "t"}) == 1
    assert len([record for record in caplog.records if record.name == "ictus"]) == 1


def test_full_disk_is_logged_once(directory: str, caplog: pytest.LogCaptureFixture) -> None:
    collector = MetricsCollector(MetricsSettings(directory=directory))
    collector.record_task_poll_time("0", 0.1, "SUCCESS")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The limit is the initial size of a segment, so that the segment cannot grow.
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 10, limits[1]))
    try:
        for number in range(1, 1000):
            collector.record_task_poll_time(str(number), 0.1, "SUCCESS")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    lines: list[str] = []
    deadline = time.monotonic() + 10
    # A separate thread logs the cause, and the next call forwards the line to Python.
    while not lines and time.monotonic() < deadline:
        time.sleep(0.05)
        collector.record_task_poll_time("0", 0.1, "SUCCESS")
        messages = [record.getMessage() for record in caplog.records if record.name == "ictus"]
        lines = [message for message in messages if "is the disk full?" in message]
    assert len(lines) == 1
