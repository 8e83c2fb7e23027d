"""Tests counters, gauges and timers: created once, found by labels, and never an obstacle to a program."""

from __future__ import annotations

import enum
import gc
import math
import re
from pathlib import Path
from typing import Any

import pytest

import ictus


class Queue(str, enum.Enum):
    """A string enumeration: equal to its value as a string, but with another text."""

    MAIL = "mail"


def test_recorded_values_are_read() -> None:
    registry = ictus.Registry()
    polls = registry.counter("polls", "Polls made.", ["queue"])
    polls.labels("mail").inc()
    polls.labels(queue="mail").inc(2.5)
    active = registry.gauge("active")
    active.set(5)
    active.inc()
    active.dec(3)
    jobs = registry.timer("job_seconds", "How long a job takes.")
    for number in range(1, 2001):
        jobs.observe(number)
    snapshot = registry.snapshot()
    assert snapshot.value("polls", queue="mail") == 3.5
    assert snapshot.value("active") == 3
    timing = snapshot.timing("job_seconds")
    assert timing is not None
    assert (timing.count, timing.sum, timing.last) == (2000, 2_001_000, 2000)
    # The window holds the newest 1,000 observations: 1001 to 2000.
    assert (timing.quantile(0), timing.quantile(0.5), timing.quantile(1)) == (1001, 1500.5, 2000)
    assert [(family.name, family.kind, family.unit) for family in snapshot.families] == [
        ("active", "gauge", ""),
        ("job_seconds", "timer", "seconds"),
        ("polls", "counter", ""),
    ]
    family = snapshot.family("polls")
    assert family is not None
    assert (family.help, family.label_names, family.series) == ("Polls made.", ["queue"], [(("mail",), 3.5)])
    assert (snapshot.family("other"), snapshot.value("other"), snapshot.timing("other")) == (None, None, None)


@pytest.mark.parametrize("kind", ["counter", "gauge", "timer"])
def test_existing_family_is_returned(kind: str) -> None:
    registry = ictus.Registry()
    family = getattr(registry, kind)("jobs", "Jobs.", ["queue"])
    # A reload of a module registers the same metric again.
    again = getattr(registry, kind)("jobs", "Jobs.", ["queue"])
    assert again is family
    assert again.labels("mail") is family.labels(queue="mail")
    assert (family.name, family.label_names) == ("jobs", ["queue"])
    other = getattr(registry, {"counter": "gauge", "gauge": "timer", "timer": "counter"}[kind])
    with pytest.raises(ValueError, match="jobs"):
        other("jobs", "Jobs.", ["queue"])
    # A new version of a program may add a label: both families are shown.
    wider = getattr(registry, kind)("jobs", "Jobs.", ["queue", "host"])
    assert wider is not family
    assert set(wider.label_names) == {"queue", "host"}


def test_counter_may_be_named_with_total() -> None:
    registry = ictus.Registry()
    registry.counter("jobs_total").inc()
    assert registry.counter("jobs") is registry.counter("jobs_total")
    assert b"\njobs_total 1.0\n" in registry.render()


@pytest.mark.parametrize("kind", ["counter", "gauge", "timer"])
def test_wrong_labels_are_refused_with_advice(kind: str) -> None:
    metric = getattr(ictus.Registry(), kind)("jobs", "", ["queue", "host"])
    for values, named in [
        ((), {}),
        (("a",), {}),
        (("a", "b", "c"), {}),
        (("a",), {"host": "b"}),
        ((), {"queue": "a"}),
        ((), {"queue": "a", "hots": "b"}),
    ]:
        with pytest.raises(TypeError, match=r"jobs has the labels \(queue, host\): give a value for each"):
            metric.labels(*values, **named)
    record = metric.observe if kind == "timer" else metric.inc
    with pytest.raises(ValueError, match=r"choose a series with jobs\.labels\(queue=…, host=…\)"):
        record(1)


def test_label_values_are_texts_as_with_prometheus_client() -> None:
    registry = ictus.Registry()
    jobs = registry.counter("jobs", "", ["queue"])
    given: list[Any] = ["mail", Queue.MAIL, 1, True, 1.0, None, b"x", "\udc80"]
    for value in given:
        jobs.labels(value).inc()
    family = registry.snapshot().family("jobs")
    assert family is not None
    shown = {values[0]: value for values, value in family.series}
    texts = [str(value) for value in given[:-1]] + ["\ufffd\ufffd\ufffd"]
    assert shown == dict.fromkeys(texts, 1.0)
    assert len(shown) == len(given)


@pytest.mark.parametrize("number", [math.nan, math.inf, -1.0, 10**400])
def test_invalid_values_are_counted(number: float) -> None:
    registry = ictus.Registry()
    registry.timer("job_seconds").observe(number)
    registry.counter("jobs").inc(number)
    snapshot = registry.snapshot()
    timing = snapshot.timing("job_seconds")
    assert timing is None or timing.count == 0
    assert not snapshot.value("jobs")
    rejected = [value for name, value in snapshot.health.items() if name.startswith("observations_rejected")]
    assert sum(rejected) == 2


@pytest.mark.parametrize("wrong", [None, "1", [], object()])
def test_value_that_is_no_number_is_a_type_error(wrong: Any) -> None:
    registry = ictus.Registry()
    for record in (
        registry.timer("job_seconds").observe,
        registry.counter("jobs").inc,
        registry.gauge("active").set,
        registry.gauge("active").inc,
        registry.gauge("active").dec,
    ):
        with pytest.raises(TypeError):
            record(wrong)


@pytest.mark.parametrize("name", ["", "9lives", "a b", "jobs-done", "é"])
def test_names_that_prometheus_refuses_are_refused(name: str) -> None:
    registry = ictus.Registry()
    for make in (registry.counter, registry.gauge, registry.timer):
        with pytest.raises(ValueError, match="not a valid name"):
            make(name)
        with pytest.raises(ValueError, match="not a valid name"):
            make("jobs", "", [name])
    with pytest.raises(TypeError):
        registry.counter("jobs", "", "queue")


def test_removed_series_are_absent_and_restart_at_zero(directory: str) -> None:
    registry = ictus.Registry(directory)
    jobs = registry.counter("jobs", "", ["tenant"])
    handle = jobs.labels("acme")
    handle.inc(7)
    assert jobs.remove("acme") is True
    assert jobs.remove("acme") is False
    assert registry.snapshot().value("jobs", tenant="acme") is None
    handle.inc()
    jobs.labels("acme").inc()
    snapshot = registry.snapshot()
    assert snapshot.value("jobs", tenant="acme") == 1
    assert snapshot.health["observations_rejected_removed"] == 1


def test_a_thousand_removed_tenants_leave_nothing(directory: str) -> None:
    registry = ictus.Registry(directory)
    jobs = registry.counter("jobs", "", ["tenant"])
    for number in range(10_000):
        jobs.labels(f"tenant {number}").inc()
        assert jobs.remove(f"tenant {number}")
    snapshot = registry.snapshot()
    assert snapshot.families == []
    # The last tenants reuse the lanes of the first.
    assert snapshot.health["directory_bytes"] < 2**20


def test_options_are_those_of_the_call_then_the_registry_then_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ICTUS_WINDOW", "10")
    monkeypatch.setenv("ICTUS_MAX_SERIES", " 2 ")
    registry = ictus.Registry()
    own = registry.timer("own_seconds", "", window=5, buckets=[1, 2])
    bare = registry.timer("bare_seconds", "", ["series"], buckets=())
    for number in range(20):
        own.observe(number)
        bare.labels(number % 4).observe(number)
    snapshot = registry.snapshot()
    timing = snapshot.timing("own_seconds")
    assert timing is not None
    assert list(timing.window) == [15, 16, 17, 18, 19]
    assert timing.buckets == [(1, 2), (2, 3), (math.inf, 20)]
    family = snapshot.family("bare_seconds")
    assert family is not None
    assert sorted(values for values, _ in family.series) == [("0",), ("1",), ("ictus_overflow",)]
    over = snapshot.timing("bare_seconds", series="ictus_overflow")
    assert over is not None
    assert (over.count, len(over.window), over.buckets) == (10, 10, [])
    other = ictus.Registry(window=3).timer("own_seconds")
    assert other.name == "own_seconds"


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        ({"window": 0}, {}, "window"),
        ({"max_series": 0}, {}, "max_series"),
        ({"buckets": [2, 1]}, {}, "buckets"),
        ({"max_age": 0}, {}, "max_age"),
        ({"expire_after": 0}, {}, "expire_after"),
        ({"max_age": -1}, {}, "max_age must be a number of seconds"),
        ({"expire_after": math.nan}, {}, "expire_after must be a number of seconds"),
        ({}, {"ICTUS_WINDOW": "many"}, "ICTUS_WINDOW=.many. must be a whole number"),
        ({}, {"ICTUS_MAX_SERIES": "-1"}, "ICTUS_MAX_SERIES=.-1. must be a whole number"),
    ],
)
def test_invalid_options_are_refused_immediately(
    options: dict[str, Any], variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        ictus.Registry(**options)


def test_unusable_directory_is_an_error(directory: str, tmp_path: Any) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OSError, match="file"):
        ictus.Registry(file)
    registry = ictus.Registry(directory)
    assert str(registry.directory) == directory
    assert ictus.Registry().directory is None


def test_unreferenced_registry_is_freed() -> None:
    """Children and families do not keep each other alive; one retained anonymous page each would be 4 KB."""

    def memory() -> int:
        return int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1])  # type: ignore[index]

    def come_and_go() -> None:
        for _ in range(500):
            registry = ictus.Registry()
            for family in (registry.counter("c", "", ["l"]), registry.timer("t", "", ["l"])):
                child = family.labels("a")
                getattr(child, "inc" if family.name == "c" else "observe")(1)

    come_and_go()
    previous = memory()
    come_and_go()
    assert memory() - previous < 500 * 4


def test_a_child_outlives_its_family() -> None:
    registry = ictus.Registry()
    child = registry.counter("jobs", "", ["queue"]).labels("a")
    del registry
    gc.collect()
    assert child.labels("b").name == "jobs"
    child.labels("b").inc()
    assert child.remove("b")
    assert not child.remove("b")
    child.inc()
    assert child.label_names == ["queue"]
