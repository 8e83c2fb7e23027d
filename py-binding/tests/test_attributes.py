"""Tests that a collector's attributes show its recorded metrics, as those of the SDK do."""

from __future__ import annotations

from typing import Any

import pytest
from conductor.client.telemetry.model.metric_label import MetricLabel
from conductor.client.telemetry.model.metric_name import MetricName
from prometheus_client import Gauge

from harness import HAS_FACTORY
from ictus.conductor import CanonicalMetricsCollector, LegacyMetricsCollector, MetricsSettings

CANONICAL = pytest.param(
    CanonicalMetricsCollector, marks=pytest.mark.skipif(not HAS_FACTORY, reason="until 1.3 there is one")
)


def record(collector: Any) -> None:
    for number in range(1, 1202):
        collector.record_task_poll_time("t", float(number), status="FAILURE")
    for _ in range(3):
        collector.increment_task_poll("t")
    collector.increment_task_poll("u")
    collector.record_api_request_time("GET", "/tasks", "200", 0.25)
    collector.record_task_result_payload_size("t", 77)


def test_legacy_attributes_equal_those_of_the_sdk(directory: str) -> None:
    collector: Any = LegacyMetricsCollector(MetricsSettings(directory))
    record(collector)
    assert list(collector.counters) == [MetricName.TASK_POLL]
    assert "task_poll" in collector.counters
    assert collector.counters[MetricName.TASK_POLL].labels("t")._value.get() == 3
    assert collector.counters["task_poll"].labels(taskType="u")._value.get() == 1
    assert collector.counters["task_poll"].labels("never")._value.get() == 0
    with pytest.raises(ValueError, match="label count"):
        collector.counters["task_poll"].labels("t", "u")
    assert {MetricName.TASK_POLL_TIME, MetricName.TASK_RESULT_SIZE} <= set(collector.gauges)
    assert collector.gauges[MetricName.TASK_POLL_TIME].labels("t")._value.get() == 1201
    assert collector.gauges["task_poll_time_seconds_count"].labels("t", "FAILURE")._value.get() == 1201
    assert set(collector.quantile_metrics) == {
        MetricName.API_REQUEST_TIME,
        MetricName.TASK_POLL_TIME_HISTOGRAM,
    }
    median = collector.quantile_metrics[MetricName.TASK_POLL_TIME_HISTOGRAM].labels("t", "FAILURE", "0.5")
    assert median._value.get() == 701.5


def test_quantile_data_is_the_window_under_the_sdks_keys(directory: str) -> None:
    collector: Any = LegacyMetricsCollector(MetricsSettings(directory))
    record(collector)
    polls = collector.quantile_data[f"{MetricName.TASK_POLL_TIME_HISTOGRAM}_{('t', 'FAILURE')}"]
    assert list(polls) == [float(number) for number in range(202, 1202)]
    assert polls.maxlen == 1000
    requests = collector.quantile_data[f"{MetricName.API_REQUEST_TIME}_{('GET', '/tasks', '200')}"]
    assert list(requests) == [0.25]
    assert len(collector.quantile_data) == 2


@pytest.mark.skipif(not HAS_FACTORY, reason="until 1.3 there is one collector")
def test_canonical_attributes_are_histograms(directory: str) -> None:
    collector: Any = CanonicalMetricsCollector(MetricsSettings(directory))
    record(collector)
    polls = collector.histograms["task_poll_time_seconds"].labels("t", "FAILURE")
    assert polls._sum.get() == sum(range(1, 1202))
    assert {"le"} == {label for sample in polls.collect()[0].samples for label in sample.labels}
    assert "task_poll" in collector.counters
    assert not hasattr(collector, "quantile_data")


@pytest.mark.parametrize("kind", [LegacyMetricsCollector, CANONICAL])
def test_attributes_without_settings_are_empty(kind: Any) -> None:
    collector = kind(None)
    record(collector)
    assert collector.counters == collector.gauges == collector.histograms == {}
    assert not getattr(collector, "quantile_data", {})


@pytest.mark.skipif(not HAS_FACTORY, reason="its helpers are private until 1.3")
def test_metrics_of_the_sdks_helpers_are_attributes(directory: str) -> None:
    collector: Any = LegacyMetricsCollector(MetricsSettings(directory))
    collector.increment_task_poll("t")
    collector._record_gauge("depth", "How deep.", {MetricLabel.TASK_TYPE: "t"}, 5)
    assert isinstance(collector.gauges["depth"], Gauge)
    assert collector.counters["task_poll"].labels("t")._value.get() == 1
    assert dict(collector.gauges.items()).keys() >= {"depth"}
    collector.gauges.pop("depth")
    assert "depth" not in collector.gauges
