"""Tests Ictus's metrics among those of other libraries."""

from __future__ import annotations

import time
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import ictus
from ictus import otel, prometheus


def test_prometheus_client_shows_both(directory: str) -> None:
    registry, other = ictus.Registry(directory), ictus.Registry(directory)
    theirs = CollectorRegistry()
    Counter("theirs", "", registry=theirs).inc()
    bridge = prometheus.bridge(registry, theirs)
    for one in (registry, other):
        one.counter("jobs", "Jobs done.", ["queue"]).labels("a").inc()
        one.timer("work_seconds").observe(0.5)
    text = generate_latest(theirs).decode()
    shown = {family.name: family for family in text_string_to_metric_families(text)}
    assert (shown["theirs"].type, shown["jobs"].type, shown["work_seconds"].type) == (
        "counter",
        "counter",
        "summary",
    )
    assert theirs.get_sample_value("jobs_total", {"queue": "a"}) == 2
    assert theirs.get_sample_value("work_seconds_count") == 2
    assert theirs.get_sample_value("work_seconds", {"quantile": "0.99"}) == 0.5
    theirs.unregister(bridge)
    assert "jobs" not in generate_latest(theirs).decode()


def test_restricted_registries_find_bridged_families() -> None:
    registry, theirs = ictus.Registry(), CollectorRegistry()
    prometheus.bridge(registry, theirs)
    Counter("theirs", "", registry=theirs).inc()
    registry.gauge("mine").set(1)
    registry.counter("jobs", "", ["queue"]).labels("a").inc()
    registry.timer("work_seconds").observe(0.5)

    def shown(*names: str) -> list[str]:
        text = generate_latest(theirs.restricted_registry(names)).decode()
        return [line.partition(" ")[0] for line in text.splitlines() if not line.startswith("#")]

    assert shown("mine") == ["mine"]
    assert shown("jobs_total") == ['jobs_total{queue="a"}'] == shown("jobs")
    assert shown("work_seconds_count", "mine") == ["mine", "work_seconds_count"]
    assert "theirs_total" in shown("theirs_total")
    assert "mine" not in shown("theirs_total")
    assert shown("nothing") == []


def test_names_are_unique(directory: str) -> None:
    theirs = CollectorRegistry()
    # The library's process collector has this family as well.
    Counter("process_cpu_seconds", "Theirs.", registry=theirs).inc()
    for metrics in (ictus.Registry(directory), ictus.Registry()):
        ictus.process.watch(metrics)
        metrics.counter("jobs").labels().inc()
        prometheus.bridge(metrics, theirs)
    for _ in range(2):
        lines = generate_latest(theirs).decode().splitlines()
        kinds = [line for line in lines if line.startswith("# TYPE ")]
        assert len(kinds) == len(set(kinds))
        series = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
        assert len(series) == len(set(series))
        assert "# HELP process_cpu_seconds_total Theirs." in lines
        assert {"jobs_total 1.0", "# TYPE ictus_series gauge", "# TYPE process_open_fds gauge"} <= set(lines)


def collected(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, Any], float]]]:
    """Returns the result of a collection: attributes and values by instrument."""
    data = reader.get_metrics_data()
    return {
        metric.name: [(dict(point.attributes or {}), point.value) for point in metric.data.data_points]  # type: ignore[union-attr]
        for resource in (data.resource_metrics if data else [])
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_opentelemetry_collects_current_values() -> None:
    """A collection is current, no matter when the bridge last searched for new families."""
    registry = ictus.Registry()
    jobs = registry.counter("jobs").labels()
    jobs.inc()
    reader = InMemoryMetricReader()
    bridged = otel.bridge(registry, MeterProvider([reader]).get_meter("ictus"))
    for total in range(2, 5):
        jobs.inc()
        assert collected(reader)["jobs"] == [({}, total)]
        bridged.refresh()


def test_opentelemetry_collects_instruments() -> None:
    registry = ictus.Registry()
    jobs = registry.counter("jobs", "Jobs done.", ["queue"])
    jobs.labels("a").inc(2)
    reader = InMemoryMetricReader()
    bridged = otel.bridge(registry, MeterProvider([reader]).get_meter("ictus"))
    assert collected(reader) == {"jobs": [({"queue": "a"}, 2)]}
    jobs.labels("a").inc()
    work = registry.timer("work_seconds", "", ["kind"]).labels("b")
    for number in range(101):
        work.observe(number)
    registry.gauge("active").set(4)
    # One collection finds new families, and a later one shows them.
    assert collected(reader)["jobs"] == [({"queue": "a"}, 3)]
    deadline = time.monotonic() + 60
    while "work_seconds" not in (shown := collected(reader)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert shown["active"] == [({}, 4)]
    assert shown["work_seconds.count"] == [({"kind": "b"}, 101)]
    assert shown["work_seconds.sum"] == [({"kind": "b"}, 5050)]
    quantiles = {attributes["quantile"]: value for attributes, value in shown["work_seconds"]}
    assert quantiles == pytest.approx({"0.5": 50, "0.75": 75, "0.9": 90, "0.95": 95, "0.99": 99})
    registry.counter("late").inc()
    bridged.refresh()
    assert collected(reader)["late"] == [({}, 1)]
    jobs.remove("a")
    assert "jobs" not in collected(reader)
