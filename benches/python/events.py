"""Measures the native event handlers, compared with the SDK's handlers, which call the native methods."""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from random import Random
from types import MethodType
from typing import TYPE_CHECKING, Any

from collectors import ICTUS, WARM_UP, collector
from runner import cost, median, rounds, spelled, table, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner import Loop

NATIVE, SDK = "native", "the SDK's"
MOST = {
    "on_poll_completed": 0.7,
    "on_poll_failure": 0.7,
    "on_task_execution_started": 0.75,
    "on_task_execution_completed": 0.4,
    "on_task_execution_failure": 0.9,
}
"""The maximum cost of a native handler, as a share of that of the SDK's handler."""


def events(durations: list[float]) -> dict[str, list[Any]]:
    """Returns events of each kind, as the SDK makes them."""
    runner = importlib.import_module("conductor.client.event.task_runner_events")
    cause = ValueError("no such file")
    makers: dict[str, Callable[[float], Any]] = {
        "on_poll_completed": lambda ms: runner.PollCompleted("resize", ms, 1),
        "on_poll_failure": lambda ms: runner.PollFailure("resize", ms, cause),
        "on_task_execution_started": lambda _: runner.TaskExecutionStarted("resize", "t", "w", "i"),
        "on_task_execution_completed": lambda ms: runner.TaskExecutionCompleted(
            "resize", "t", "w", "i", ms, 100
        ),
        "on_task_execution_failure": lambda ms: runner.TaskExecutionFailure(
            "resize", "t", "w", "i", cause, ms
        ),
    }
    return {handler: [make(seconds * 1000) for seconds in durations] for handler, make in makers.items()}


def handling(handle: Callable[[Any], None]) -> Loop:
    """Returns a loop that passes each event to the handler."""

    def loop(_: list[float], given: list[Any]) -> None:
        for event in given:
            handle(event)

    return loop


def contest(contestant: str) -> dict[str, float]:
    """Measures all handlers of both kinds in this process."""
    random = Random(1)
    durations = [random.lognormvariate(-4.4, 1.0) for _ in range(WARM_UP)]
    figures = {}
    with tempfile.TemporaryDirectory() as directory:
        instance = collector(contestant, directory)
        for handler, given in events(durations).items():
            for kind, handle in (
                (NATIVE, getattr(instance, handler)),
                (SDK, MethodType(getattr(instance._sdk_class, handler), instance)),
            ):
                loop = handling(handle)
                loop(durations, given)
                figures[f"{handler}, {kind}"] = cost(loop, durations, given, 100)
    return figures


def shown() -> bool:
    """Prints the table; returns whether all budgets hold."""
    results = rounds(__file__, (ICTUS,))
    rows, all_ok = [], True
    for handler in events([0.0]):
        native, sdk = f"{handler}, {NATIVE}", f"{handler}, {SDK}"
        own, theirs = (
            median(results, lambda each, name=name: each[ICTUS][name])  # type: ignore[misc]
            for name in (native, sdk)
        )
        share = median(
            results,
            lambda each, native=native, sdk=sdk: each[ICTUS][native] / each[ICTUS][sdk],  # type: ignore[misc]
        )
        ok = share <= MOST[handler]
        all_ok &= ok
        shares = [f"{share:.2f}", f"{MOST[handler]:.2f}"]
        rows.append([f"{handler}(event)", spelled(own), spelled(theirs), *shares, verdict(ok)])
    table(["an event", NATIVE, f"{SDK} handler", "share", "at most", ""], rows)
    return all_ok


if __name__ == "__main__":
    print(json.dumps(contest(sys.argv[1])))
