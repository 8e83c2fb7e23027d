"""Tests the SDK's helpers that record by name: natively for the catalog's metrics, else by the SDK."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from conductor.client.telemetry.model.metric_documentation import MetricDocumentation
from conductor.client.telemetry.model.metric_label import MetricLabel
from conductor.client.telemetry.model.metric_name import MetricName

from harness import HAS_FACTORY, samples
from ictus.conductor import MetricsCollector, MetricsSettings, _sdk

pytestmark = pytest.mark.skipif(not HAS_FACTORY, reason="until 1.3 the helpers are private")


@pytest.mark.parametrize("name", MetricName)
def test_values_recorded_by_name_in_subclasses_are_recorded(directory: str, name: Any) -> None:
    """Calls by helper are recorded natively, and shown like those of the SDK's collectors."""
    theirs = calls_by_metric(_sdk.LegacyMetricsCollector) | calls_by_metric(_sdk.CanonicalMetricsCollector)
    helper, arguments = theirs[name]
    collector = MetricsCollector(MetricsSettings(directory=directory))
    getattr(collector, helper)(**arguments)
    if name in (MetricName.TASK_POLL_TIME, MetricName.TASK_EXECUTE_TIME):
        return
    shown = samples(directory, "legacy") | samples(directory, "canonical")
    recorded = [labels for (shown_name, labels) in shown if shown_name.startswith(name.value)]
    expected = {label.value: value for label, value in arguments["labels"].items()}
    assert [labels for labels in recorded if expected.items() <= dict(labels).items()]
    assert not list(Path(directory).glob("*.db"))


def calls_by_metric(original: Any) -> dict[Any, tuple[str, dict[str, Any]]]:
    """Returns the helper that the SDK's recording methods call, and its arguments, by the metric's name."""
    calls: dict[Any, tuple[str, dict[str, Any]]] = {}

    def recorder(helper: str) -> Any:
        def record(**arguments: Any) -> None:
            calls[arguments["name"]] = (helper, arguments)

        return record

    instance = object.__new__(original)
    instance.__init__(None)
    for helper in ("_increment_counter", "_record_gauge", "_observe_histogram", "_record_quantiles"):
        setattr(instance, helper, recorder(helper))
    instance.increment_uncaught_exception(ValueError("x"))
    for method in dir(original):
        if method.startswith(("increment_", "record_", "set_")) and "uncaught" not in method:
            parameters = inspect.signature(getattr(instance, method)).parameters
            numbers = {"time_spent", "payload_size", "count"}
            getattr(instance, method)(*[7 if one in numbers else "text" for one in parameters])
    return calls


def test_metrics_outside_the_catalog_are_recorded_by_the_sdk(
    directory: str, caplog: pytest.LogCaptureFixture
) -> None:
    collector: Any = MetricsCollector(MetricsSettings(directory=directory))
    collector._increment_counter("cards_charged", "Cards charged.", {MetricLabel.TASK_TYPE: "t"})
    collector._observe_histogram("card_seconds", "A card.", {MetricLabel.TASK_TYPE: "t"}, 0.5, (0.1, 1))
    collector._record_gauge("cards", "Cards.", {MetricLabel.TASK_TYPE: "t"}, 3)
    request = {MetricLabel.METHOD: "GET"}
    collector._record_quantiles(
        MetricName.API_REQUEST_TIME, MetricDocumentation.API_REQUEST_TIME, request, 0.5
    )
    shown = collector.registry.get_sample_value
    assert shown("cards_charged_total", {"taskType": "t"}) == 1
    assert shown("card_seconds_count", {"taskType": "t"}) == 1
    assert shown("cards", {"taskType": "t"}) == 3
    assert shown("http_api_client_request", {"method": "GET", "quantile": "0.5"}) == 0.5
    assert len([record for record in caplog.records if record.name == "ictus"]) == 1
