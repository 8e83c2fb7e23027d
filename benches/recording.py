"""What a call of the collector costs: Ictus beside the SDK's own collectors, with ``make bench-python``.

Each contestant records in a process of its own, since Ictus takes the place of the SDK's classes, and in
turn: what disturbs one disturbs all. Costs are of the thread's processor time, the loop taken off; ratios
are medians over the rounds. Fails where Ictus is not as many times cheaper as ``BUDGETS`` says.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Loop = Callable[[list[float], list[Any]], None]

ROUNDS = 7
EXCEEDED = 3
"""The exit status then: not the one of a fault."""
LEGACY, CANONICAL, ICTUS = "the SDK's legacy", "the SDK's canonical", "ictus"
Round = dict[str, dict[str, float]]
"""Seconds by contestant and call."""
WARM_UP = 1100
"""Observations in a row: more than a window of 1,000, which is full when anything is measured."""

BUDGETS: dict[str, dict[str, tuple[float, float]]] = {
    "record_task_execute_time(type, s)": {LEGACY: (1400, 1400), CANONICAL: (75, 90)},
    "record_task_execute_time(…, status=)": {LEGACY: (850, 1000), CANONICAL: (40, 70)},
    "record_api_request_time(…)": {LEGACY: (350, 350), CANONICAL: (20, 25)},
    "increment_task_poll(type)": {LEGACY: (50, 100), CANONICAL: (50, 100)},
    "on_task_execution_completed(event)": {LEGACY: (150, 750), CANONICAL: (20, 120)},
}
"""How many times as much the SDK's collectors must cost, at least, and what is aimed at. The first is less
where that is not reached, or only just: a call finds its series by hashing label values under a lock, and
events are dispatched by the SDK's own handlers in Python.
"""


def loops(collector: Any) -> dict[str, Loop]:
    """The calls as the SDK makes them, each in a loop over durations and over events with these."""
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


def nothing(durations: list[float], _: list[Any]) -> None:
    """The loop alone."""
    for _seconds in durations:
        pass


def cost(loop: Loop, durations: list[float], events: list[Any], times: int) -> float:
    """Seconds of processor time of one call, net of the loop."""

    def spent(loop: Loop) -> float:
        start = time.thread_time()
        for _ in range(times):
            loop(durations, events)
        return time.thread_time() - start

    return (spent(loop) - spent(nothing)) / times / len(durations)


def collector(contestant: str, directory: str) -> Any:
    """A collector as the SDK makes one."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    name = "canonical" if contestant == CANONICAL else "legacy"
    module = (
        "ictus.conductor" if contestant == ICTUS else f"conductor.client.telemetry.{name}_metrics_collector"
    )
    made = getattr(importlib.import_module(module), f"{name.title()}MetricsCollector")
    settings = importlib.import_module("conductor.client.configuration.settings.metrics_settings")
    return made(settings.MetricsSettings(directory=directory))


def contest(contestant: str) -> dict[str, float]:
    """The costs of one contestant, in this process."""
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


def measured(contestant: str) -> dict[str, float]:
    """The same, in a process of its own."""
    environment = dict(os.environ, ICTUS_DISABLE="" if contestant == ICTUS else "1")
    environment.pop("ICTUS_CONDUCTOR", None)
    child = subprocess.run(
        [sys.executable, __file__, contestant], env=environment, stdout=subprocess.PIPE, check=True
    )
    costs: dict[str, float] = json.loads(child.stdout)
    return costs


def spelled(seconds: float) -> str:
    """A time in three digits."""
    for unit, scale in (("ns", 1e9), ("µs", 1e6)):
        if seconds * scale < 1000:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e3:.3g} ms"


def median(rounds: list[Round], of: Callable[[Round], float]) -> float:
    """The median over the rounds."""
    return statistics.median(of(one) for one in rounds)


def row(rounds: list[Round], call: str, peer: str) -> tuple[str, bool]:
    """A row of the table, and whether the budget holds."""
    held, aim = BUDGETS[call][peer]
    own = median(rounds, lambda one: one[ICTUS][call])
    other = median(rounds, lambda one: one[peer][call])
    times = median(rounds, lambda one: one[peer][call] / one[ICTUS][call])
    ok = times >= held
    cells = [call, spelled(own), peer, spelled(other), f"{times:.0f}", f"{held:.0f}", f"{aim:.0f}"]
    return "| " + " | ".join([*cells, "ok" if ok else "EXCEEDED"]) + " |", ok


def main() -> int:
    """Prints the table; `EXCEEDED` where a budget is."""
    rounds: list[Round] = []
    for number in range(ROUNDS):
        print(f"\rRound {number + 1} of {ROUNDS} ...", end="", file=sys.stderr, flush=True)
        rounds.append({one: measured(one) for one in (LEGACY, CANONICAL, ICTUS)})
    print("\r\033[K", end="", file=sys.stderr)
    rows = [row(rounds, call, peer) for call, peers in BUDGETS.items() for peer in peers]
    print("| a call | ictus | peer | its cost | times ours | at least | aimed at | |")
    print("|---|--:|---|--:|--:|--:|--:|---|")
    for text, _ in rows:
        print(text)
    return 0 if all(ok for _, ok in rows) else EXCEEDED


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(contest(sys.argv[1])))
    else:
        sys.exit(main())
