"""Tests snapshots, windows and expositions."""

from __future__ import annotations

import multiprocessing
import os
import random
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

import ictus
import ictus.prometheus


def record(directory: str, process: int, observations: int) -> None:
    """Records in a separate process: each value identifies its process."""
    registry = ictus.Registry(directory)
    work = registry.timer("work_seconds", "", ["kind"]).labels("a")
    for number in range(observations):
        work.observe(process * 10_000 + number)
        registry.counter("done").inc()
    registry.gauge("active").set(1)


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_processes_record_into_one_directory(directory: str, method: Any) -> None:
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=record, args=(directory, process, 700)) for process in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    snapshot = ictus.read(directory)
    assert snapshot.value("done") == 2800
    timing = snapshot.timing("work_seconds", kind="a")
    assert timing is not None
    values = [process * 10_000 + number for process in range(4) for number in range(700)]
    assert (timing.count, timing.sum) == (2800, sum(values))
    window = list(timing.window)
    assert len(window) == 1000 == len(set(window))
    assert set(window) <= set(values)
    # The newest observations of each process, in the order of recording.
    for process in range(4):
        own = [value for value in window if process * 10_000 <= value < (process + 1) * 10_000]
        assert own == [process * 10_000 + number for number in range(700 - len(own), 700)]
    # Only living processes have states, and all of these have ended.
    assert not snapshot.value("active")


def test_forked_child_records_concurrently_with_its_parent(directory: str) -> None:
    registry = ictus.Registry(directory)
    done = registry.counter("done")
    done.inc()
    child = os.fork()
    if child == 0:
        done.inc()
        registry.counter("done").inc()
        os._exit(0 if registry.snapshot().value("done") == 3 else 1)
    assert os.waitpid(child, 0)[1] == 0
    done.inc()
    assert registry.snapshot().value("done") == 4


def test_window_is_an_array_without_a_copy() -> None:
    registry = ictus.Registry()
    work = registry.timer("work_seconds")
    timing = registry.snapshot().timing("work_seconds")
    assert timing is not None
    assert timing.count == 0
    numbers = random.Random(1)
    values = [numbers.lognormvariate(-3, 1) for _ in range(2500)]
    for value in values:
        work.observe(value)
    timing = registry.snapshot().timing("work_seconds")
    assert timing is not None
    window = timing.window
    array = np.asarray(window)
    assert array.dtype == np.float64
    assert not array.flags.writeable
    assert np.shares_memory(array, np.frombuffer(window))  # type: ignore[arg-type]
    assert array.tolist() == values[-1000:]
    for q in (0, 0.1, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1):
        assert timing.quantile(q) == pytest.approx(float(np.quantile(array, q)), rel=1e-14)
    for q in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="must be 0 to 1"):
            timing.quantile(q)


def test_an_empty_window_is_empty() -> None:
    registry = ictus.Registry(max_age=1e-9)
    registry.timer("work_seconds").observe(1)
    timing = registry.snapshot().timing("work_seconds")
    assert timing is not None
    assert (timing.count, len(timing.window), timing.last, timing.quantile(0.5)) == (1, 0, None, None)
    assert np.asarray(timing.window).shape == (0,)


def test_expositions_are_read_by_the_parsers_of_prometheus_client() -> None:
    registry = ictus.Registry()
    registry.counter("jobs", 'Jobs "done".', ["queue"]).labels('a"b\\c\nd').inc()
    registry.timer("work_seconds").observe(0.5, exemplar="4bf92f3577b34da6a3ce929d0e0e4736")
    text = {family.name: family for family in text_string_to_metric_families(registry.render().decode())}
    assert (text["jobs"].type, text["work_seconds"].type) == ("counter", "summary")
    assert text["jobs"].samples[0].labels == {"queue": 'a"b\\c\nd'}
    shown = registry.render("openmetrics").decode()
    parsed = {
        family.name: family
        for family in openmetrics.text_string_to_metric_families(shown)  # type: ignore[no-untyped-call]
    }
    assert parsed["jobs"].samples[0].value == 1
    assert b"work_seconds" in registry.render("protobuf")
    types = [ictus.content_type(kind) for kind in ("text", "openmetrics", "protobuf")]
    assert [shown.partition(";")[0] for shown in types] == [
        "text/plain",
        "application/openmetrics-text",
        "application/vnd.google.protobuf",
    ]
    for wrong in (registry.render, ictus.content_type):
        with pytest.raises(ValueError, match="use 'text', 'openmetrics' or 'protobuf'"):
            wrong("json")  # type: ignore[arg-type]


def test_names_of_any_characters_are_escaped_or_quoted(directory: str) -> None:
    registry = ictus.Registry(directory, utf8_names=True)
    name, label = 'http.server "größe"\n', "url.path"
    registry.counter(name, 'So "it" is\nsaid.', [label]).labels('a"b').inc(2)
    registry.timer("db.wait", "", ["db.system"]).labels("x").observe(0.5)
    assert registry.snapshot().value(name, **{label: 'a"b'}) == 2
    for utf8_names, shown, shown_label, wait in [
        (True, name, label, "db.wait"),
        (False, "http_server__gr__e__", "url_path", "db_wait"),
    ]:
        text = registry.render(utf8_names=utf8_names).decode()
        families = [
            family for family in text_string_to_metric_families(text) if not family.name.startswith("ictus_")
        ]
        samples = [sample for family in families for sample in family.samples]
        assert (f"{shown}_total", {shown_label: 'a"b'}, 2.0) in [sample[:3] for sample in samples]
        waits = {sample.name: sample.value for sample in samples if "quantile" not in sample.labels}
        assert (waits[f"{wait}_count"], waits[f"{wait}_sum"]) == (1, 0.5)
    # Ictus escapes the families of another library's registry.
    into = CollectorRegistry()
    ictus.prometheus.bridge(registry, into)
    assert into.get_sample_value("db_wait_count", {"db_system": "x"}) == 1


@pytest.mark.parametrize("name", ["http.requests", "größe", "9lives", "a b", ""])
def test_names_of_any_characters_need_the_option(name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        ictus.Registry().counter(name)
    with pytest.raises(ValueError, match="letters, digits"):
        ictus.Registry().gauge("level", "", [name])


@pytest.mark.parametrize("labels", [["a.b", "a_b"], ["__a"], [".-a"], [""]])
def test_labels_that_are_equal_once_escaped_are_refused(labels: list[str]) -> None:
    with pytest.raises(ValueError, match="name"):
        ictus.Registry(utf8_names=True).counter("jobs", "", labels)


def test_error_of_a_wrong_call_names_the_right_one() -> None:
    registry = ictus.Registry()
    registry.timer("work_seconds").observe(1)
    registry.counter("jobs", "", ["queue"]).labels("a").inc()
    snapshot = registry.snapshot()
    with pytest.raises(TypeError, match=r"call timing\(\)"):
        snapshot.value("work_seconds")
    with pytest.raises(TypeError, match=r"call value\(\)"):
        snapshot.timing("jobs", queue="a")
    with pytest.raises(TypeError, match=r"jobs has the labels \(queue\)"):
        snapshot.value("jobs")
    with pytest.raises(TypeError, match=r"jobs has the labels \(queue\)"):
        snapshot.value("jobs", host="a")
    assert snapshot.value("jobs", queue="b") is None
    assert "count=1" in repr(snapshot.timing("work_seconds"))


def test_missing_directory_is_empty(directory: str) -> None:
    assert ictus.read(f"{directory}/later").families == []
