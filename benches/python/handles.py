"""Measures an observation through a handle, compared with handles of other libraries and an empty call."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from random import Random
from typing import TYPE_CHECKING, Any

from runner import cost, median, rounds, spelled, table, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner import Loop

ICTUS, LOOKUP, EMPTY = "ictus", "dict.get(key)", "an empty call"
PROMETHEUS, MULTIPROCESS = "prometheus_client, Histogram", "prometheus_client, multiprocess"
SUMMARY, OTEL = "prometheus_client, Summary", "OpenTelemetry, Histogram"
MOST = 3.0
"""The maximum cost of an observation, as a multiple of a dictionary lookup."""


def observe(contestant: str, directory: str) -> Callable[[float], Any]:
    """Returns the function that records a duration."""
    if contestant == ICTUS:
        import ictus  # noqa: PLC0415

        return ictus.Registry(directory).timer("job_seconds", "", ["queue"]).labels("mail").observe
    if contestant == OTEL:
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: PLC0415

        histogram = MeterProvider([InMemoryMetricReader()]).get_meter("bench").create_histogram("job_seconds")
        labels = {"queue": "mail"}
        return lambda seconds: histogram.record(seconds, labels)
    if contestant == MULTIPROCESS:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    import prometheus_client  # noqa: PLC0415

    kind = prometheus_client.Summary if contestant == SUMMARY else prometheus_client.Histogram
    return kind("job_seconds", "", ["queue"]).labels("mail").observe


def observing(record: Callable[[float], Any]) -> Loop:
    """Returns a loop that observes each duration."""

    def loop(durations: list[float], _: list[Any]) -> None:
        for seconds in durations:
            record(seconds)

    return loop


def looking_up() -> Loop:
    """Returns a loop of dictionary lookups instead."""
    get = {"mail": 0}.get

    def loop(durations: list[float], _: list[Any]) -> None:
        for _seconds in durations:
            get("mail")

    return loop


def calling() -> Loop:
    """Returns a loop that calls an empty function instead."""
    call = "".isascii

    def loop(durations: list[float], _: list[Any]) -> None:
        for _seconds in durations:
            call()

    return loop


LOOPS = {LOOKUP: looking_up, EMPTY: calling}


def durations() -> list[float]:
    """Returns the observed durations."""
    random = Random(1)
    return [random.lognormvariate(-4.4, 1.0) for _ in range(1100)]


def contest(contestant: str) -> dict[str, float]:
    """Measures one contestant in this process."""
    with tempfile.TemporaryDirectory() as directory:
        loop = LOOPS[contestant]() if contestant in LOOPS else observing(observe(contestant, directory))
        loop(durations(), [])
        return {"cost": cost(loop, durations(), [], 200 if contestant in (ICTUS, *LOOPS) else 20)}


def shown() -> bool:
    """Prints the table; returns whether the budget holds."""
    contestants = (ICTUS, EMPTY, LOOKUP, SUMMARY, PROMETHEUS, MULTIPROCESS, OTEL)
    results = rounds(__file__, contestants)
    rows, all_ok = [], True
    for one in contestants:
        times = median(results, lambda each, one=one: each[one]["cost"] / each[LOOKUP]["cost"])  # type: ignore[misc]
        budget = f"{MOST:.0f}" if one == ICTUS else ""
        ok = one != ICTUS or times <= MOST
        all_ok &= ok
        own = spelled(median(results, lambda each, one=one: each[one]["cost"]))  # type: ignore[misc]
        rows.append([one, own, f"{times:.2f}", budget, verdict(ok) if budget else ""])
    table(["an observation through a handle", "cost", "times a look-up", "at most", ""], rows)
    return all_ok


if __name__ == "__main__":
    print(json.dumps(contest(sys.argv[1])))
