"""Measures a call of the SDK's collector: with Ictus, and with the SDK's own collectors."""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from random import Random
from typing import TYPE_CHECKING, Any

from runner import Round, cost, median, rounds, spelled, table, verdict

if TYPE_CHECKING:
    from runner import Loop

LEGACY, CANONICAL, ICTUS = "the SDK's legacy", "the SDK's canonical", "ictus"
WARM_UP = 1100
"""Observations before a measurement: more than a window of 1,000, so that the window is full."""

BUDGETS: dict[str, dict[str, tuple[float, float]]] = {
    "record_task_execute_time(type, s)": {LEGACY: (1400, 1400), CANONICAL: (90, 90)},
    "record_task_execute_time(…, status=)": {LEGACY: (1000, 1000), CANONICAL: (70, 70)},
    "record_api_request_time(…)": {LEGACY: (350, 350), CANONICAL: (25, 25)},
    "increment_task_poll(type)": {LEGACY: (100, 100), CANONICAL: (100, 100)},
    "on_task_execution_completed(event)": {LEGACY: (400, 750), CANONICAL: (50, 120)},
}
"""The minimum ratio of the cost of the SDK's collectors to that of Ictus, and the target. The minimum
is lower for events, because a handler also checks that the program overrides none of the methods that
the SDK's handler calls.
"""


def loops(collector: Any) -> dict[str, Loop]:
    """Returns the calls as the SDK makes them, each in a loop over these durations and events."""
    execute, request = collector.record_task_execute_time, collector.record_api_request_time
    poll, completed = collector.increment_task_poll, collector.on_task_execution_completed
    uri, code = "/tasks/poll/batch/{tasktype}", 200

    def executed(durations: list[float], _: list[Any]) -> None:
        for seconds in durations:
            execute("resize", seconds)

    def executed_with(durations: list[float], _: list[Any]) -> None:
        for seconds in durations:
            execute("resize", seconds, status="SUCCESS")

    def requested(durations: list[float], _: list[Any]) -> None:
        for seconds in durations:
            request(method="GET", uri=uri, status=str(code), time_spent=seconds, metric_uri=uri)

    def polled(durations: list[float], _: list[Any]) -> None:
        for _seconds in durations:
            poll("resize")

    def told(_: list[float], events: list[Any]) -> None:
        for event in events:
            completed(event)

    return dict(zip(BUDGETS, (executed, executed_with, requested, polled, told), strict=True))


def collector(contestant: str, directory: str) -> Any:
    """Creates a collector as the SDK does."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    name = "canonical" if contestant == CANONICAL else "legacy"
    module = (
        "ictus.conductor" if contestant == ICTUS else f"conductor.client.telemetry.{name}_metrics_collector"
    )
    collector_class = getattr(importlib.import_module(module), f"{name.title()}MetricsCollector")
    settings = importlib.import_module("conductor.client.configuration.settings.metrics_settings")
    return collector_class(settings.MetricsSettings(directory=directory))


def contest(contestant: str) -> dict[str, float]:
    """Measures one contestant in this process."""
    random = Random(1)
    durations = [random.lognormvariate(-4.4, 1.0) for _ in range(WARM_UP)]
    with tempfile.TemporaryDirectory() as directory:
        all_loops = loops(collector(contestant, directory))
        events = importlib.import_module("conductor.client.event.task_runner_events")
        told = [
            events.TaskExecutionCompleted("resize", "t", "w", "i", seconds * 1000, 100)
            for seconds in durations
        ]
        for loop in all_loops.values():
            loop(durations, told)
        times = 200 if contestant == ICTUS else 2
        return {name: cost(loop, durations, told, times) for name, loop in all_loops.items()}


def row(results: list[Round], call: str, peer: str) -> tuple[list[str], bool]:
    """Returns a row of the table, and whether the budget holds."""
    minimum, aim = BUDGETS[call][peer]
    own = median(results, lambda one: one[ICTUS][call])
    other = median(results, lambda one: one[peer][call])
    times = median(results, lambda one: one[peer][call] / one[ICTUS][call])
    ok = times >= minimum
    cells = [call, spelled(own), peer, spelled(other), f"{times:.0f}", f"{minimum:.0f}", f"{aim:.0f}"]
    return [*cells, verdict(ok)], ok


def shown() -> bool:
    """Prints the table; returns whether all budgets hold."""
    results = rounds(__file__, (LEGACY, CANONICAL, ICTUS))
    rows = [row(results, call, peer) for call, peers in BUDGETS.items() for peer in peers]
    heads = ["a call of the collector", "ictus", "peer", "its cost", "times ours", "at least", "aimed at", ""]
    table(heads, [cells for cells, _ in rows])
    return all(ok for _, ok in rows)


if __name__ == "__main__":
    print(json.dumps(contest(sys.argv[1])))
