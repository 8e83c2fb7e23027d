"""Tests that overridden members of the SDK's collectors are honoured, in programs and their tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Protocol
from unittest.mock import patch

import pytest

from harness import HAS_FACTORY, key, samples
from ictus.conductor import (
    CanonicalMetricsCollector,
    LegacyMetricsCollector,
    MetricsCollector,
    MetricsSettings,
    _sdk,
)

POLLS = key("task_poll_total", taskType="t")
COLLECTORS = [LegacyMetricsCollector, CanonicalMetricsCollector]


@pytest.mark.parametrize("collector", COLLECTORS)
def test_patched_method_receives_its_collector(directory: str, collector: Any) -> None:
    instance = collector(MetricsSettings(directory))
    with patch.object(collector, "increment_task_poll", autospec=True) as poll:
        instance.on_poll_started(SimpleNamespace(task_type="t"))
        with pytest.raises(TypeError):
            instance.increment_task_poll()
    poll.assert_called_once_with(instance, "t")
    with patch.object(instance, "record_task_poll_time", autospec=True) as record:
        instance.on_poll_completed(SimpleNamespace(task_type="t", duration_ms=250))
    record.assert_called_once_with("t", 0.25, status="SUCCESS")
    instance.increment_task_poll("t")
    collector.increment_task_poll(instance, task_type="t")
    assert samples(directory, "legacy")[POLLS] == 2


@pytest.mark.parametrize("collector", COLLECTORS)
def test_surface_is_that_of_the_class(directory: str, collector: Any) -> None:
    instance = collector(MetricsSettings(directory))
    instance.record_task_poll_time("t", 0.1)
    types = {family.name: family.type for family in instance.registry.collect()}
    expected = "histogram" if collector is CanonicalMetricsCollector else "gauge"
    assert types["task_poll_time_seconds"] == expected
    assert ("task_poll_time" in types) == (collector is LegacyMetricsCollector)


def test_a_collector_may_be_a_protocol_as_well(directory: str) -> None:
    class Polls(Protocol):
        """A protocol, as in a program that types its listeners."""

        def increment_task_poll(self, task_type: str) -> None: ...

    class Own(MetricsCollector, Polls):
        """A collector that also implements the protocol."""

    assert Own(MetricsSettings(directory)).must_collect_metrics is True
    assert isinstance(Own(None), MetricsCollector)
    assert not isinstance(object(), MetricsCollector)


def test_unknown_arguments_are_ignored(directory: str) -> None:
    collector: Any = MetricsCollector(MetricsSettings(directory))
    collector.increment_task_poll("t", "domain", worker="w")
    collector.record_api_request_time("GET", "/", "200", 0.1, None, "more", retried=True)
    collector.increment_uncaught_exception(None, thread="x")
    shown = samples(directory, "legacy")
    assert shown[POLLS] == 1
    assert shown[key("http_api_client_request_count", method="GET", uri="/", status="200")] == 1


def test_collector_without_settings_can_enable_collecting() -> None:
    collector = MetricsCollector(None)
    assert collector.must_collect_metrics is False
    assert "must_collect_metrics" in vars(collector) or not HAS_FACTORY
    collector.must_collect_metrics = False
    collector.increment_task_poll("t")


def _helpers(derive_from: Any) -> tuple[Any, list[Any]]:
    called: list[Any] = []

    class Own(derive_from):  # type: ignore[misc]
        """Overrides the helpers that the SDK's recording methods call."""

        def _increment_counter(self, name: Any, documentation: Any, labels: Any) -> None:
            called.append(str(name.value))
            super()._increment_counter(name, documentation, dict.fromkeys(labels, "t"))

        def _record_quantiles(self, name: Any, documentation: Any, labels: Any, value: Any) -> None:
            called.append(str(name.value))
            super()._record_quantiles(name, documentation, labels, value * 2)

        @staticmethod
        def _resolve_uri_label(uri: str, metric_uri: str | None) -> str:
            return f"{metric_uri or uri}?"

    return Own, called


@pytest.mark.skipif(not HAS_FACTORY, reason="until 1.3 the helpers are private")
@pytest.mark.parametrize("derive_from", [MetricsCollector, _sdk.LegacyMetricsCollector])
def test_overridden_helpers_are_called(directory: str, derive_from: Any) -> None:
    own, called = _helpers(derive_from)
    collector = own(MetricsSettings(directory))
    collector.increment_task_poll("another")
    collector.record_task_poll_time("t", 0.5)
    collector.record_api_request_time("GET", "/a", "200", 0.1)
    # Metrics whose helpers are not overridden are recorded as usual.
    collector.record_task_update_time("t", 0.25)
    collector.record_task_result_payload_size("t", 5)
    assert called == ["task_poll", "task_poll_time_seconds", "http_api_client_request"]
    shown = samples(directory, "legacy", "documented")
    assert shown[POLLS] == 1
    assert shown[key("task_poll_time_seconds_sum", taskType="t", status="SUCCESS")] == 1
    assert shown[key("http_api_client_request_sum", method="GET", uri="/a?", status="200")] == 0.2
    assert shown[key("task_update_time_seconds_sum", taskType="t", status="SUCCESS")] == 0.25
    assert shown[key("task_result_size", taskType="t")] == 5


@pytest.mark.skipif(not HAS_FACTORY, reason="until 1.3 the helpers are private")
@pytest.mark.parametrize("of", ["the instance", "the class"])
def test_patched_helpers_are_called(directory: str, of: str) -> None:
    class Own(MetricsCollector):
        """A subclass that is patched, then restored."""

    collector = Own(MetricsSettings(directory))
    with patch.object(collector if of == "the instance" else Own, "_increment_counter") as helper:
        collector.increment_task_poll("t")
    assert helper.call_count == 1
    collector.increment_task_poll("t")
    assert samples(directory, "legacy")[POLLS] == 1
