"""Workers of the SDKs for Go, JavaScript and Java at a real Conductor server, one of them killed.

`make e2e` builds the workers and writes their commands to ``target/ci/workers``. Each task takes a known
time, and the server measures it from its start to its end. A worker's measurement lies between these two.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import demo
import pytest
from orders import Arrivals, Orders, Tally
from prometheus import Prometheus

import ictus

if TYPE_CHECKING:
    from collections.abc import Callable

    from server import Server

pytest_plugins = ["real_server"]

ROOT = Path(__file__).resolve().parents[2]
WORKERS = ROOT / "target" / "ci" / "workers" / "workers"
COMMANDS = dict(line.split("=", 1) for line in WORKERS.read_text().splitlines()) if WORKERS.exists() else {}
LANGUAGES = ("go", "javascript", "java", "newest-java")
ORDERS = 150
"""In each half of a run; a window holds as many executions as a run has."""
A_SECOND = 50
RESPONSE_SECONDS = 5
"""Timeout after which the server hands the task of a killed worker to another worker."""
QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)
CLOCK_SECONDS = 0.002
"""Timers of a runtime may end that much early, and the server has whole milliseconds."""
BUCKET = 1.1
"""Upper bound of a native histogram's bucket, divided by the lower bound: 2^(1/8), and rounding."""


@dataclass
class Half:
    """Orders of one half of a run, which have all ended."""

    tally: Tally
    """How their tasks ended, according to the server's API."""
    executed: float
    """Successful executions, according to Prometheus."""
    quantiles: dict[float, float]
    """Of the window."""
    histogram: dict[float, float]
    """Quantiles by Prometheus, of a native histogram."""
    asked: list[float]
    """Seconds that each completed task was to take, in order."""
    elapsed: list[float]
    """Seconds from the start of each completed task to its end, according to the server, in order."""
    polls: tuple[float, int | None, float]
    """Polls: answered by the server before the snapshot, timed, answered by the server after it."""


@dataclass
class Run:
    """A run of one language."""

    task_type: str
    undisturbed: Half
    killed: Half
    """With the orders of the first half. One of two workers was killed while they arrived."""


def timing(directory: Path, task_type: str) -> ictus.Timing | None:
    """Returns the successful executions of a task type in a directory."""
    family = ictus.read(directory).family("conductor/task_execute_time")
    if family is None:
        return None
    labels = {"taskType": task_type, "status": "SUCCESS"}
    value = dict(family.series).get(tuple(labels[name] for name in family.label_names))
    return value if isinstance(value, ictus.Timing) else None


def polls(directory: Path) -> int | None:
    """Returns the number of timed polls in a directory, or None if the workers do not time them."""
    family = ictus.read(directory).family("conductor/task_poll_time")
    if family is None:
        return None
    return sum(timing.count for _, timing in family.series if isinstance(timing, ictus.Timing))


def tasks(server: Server, ids: list[str]) -> tuple[list[float], list[float]]:
    """Returns the durations of completed tasks in seconds, as requested and as measured by the server."""
    asked, elapsed = [], []
    for one in ids:
        for task in json.loads(server.get(f"/api/workflow/{one}?includeTasks=true"))["tasks"]:
            if task["status"] == "COMPLETED":
                asked.append(task["inputData"]["number"] % 50 / 1000)
                elapsed.append((task["endTime"] - task["startTime"]) / 1000)
    return sorted(asked), sorted(elapsed)


@pytest.fixture(scope="module", params=LANGUAGES)
def run(
    request: pytest.FixtureRequest,
    server: Server,
    poll_requests: Callable[[], float],
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """Two workers execute a half of the orders, and the other half while one of them is killed."""
    language = request.param
    if language not in COMMANDS:
        pytest.skip(f"there is no worker for {language}: make e2e builds it if its toolchain is there")
    directory = tmp_path_factory.mktemp("worker")
    metrics = directory / "metrics"
    task_type = f"resize_in_{language.replace('-', '_')}"
    orders = Orders(server.url, name=f"order_{task_type}", task_types=(task_type,))
    orders.define(response_seconds=RESPONSE_SECONDS)
    polls_before = poll_requests()
    command = [*shlex.split(COMMANDS[language]), f"{server.url}/api", str(metrics), task_type]
    ids: list[str] = []

    def wait(condition: Callable[[], bool]) -> None:
        assert demo.wait_for(condition, 300), (directory / "worker.log").read_text(errors="replace")[-3000:]

    with ExitStack() as running:
        log = running.enter_context((directory / "worker.log").open("wb"))

        def start() -> subprocess.Popen[bytes]:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=directory)
            running.callback(process.wait)
            running.callback(process.kill)
            return process

        first, _ = start(), start()
        endpoint = running.enter_context(
            ictus.start_http_server(0, "127.0.0.1", directory=metrics, surfaces=["canonical"])
        )
        prometheus = running.enter_context(
            Prometheus(directory, f"127.0.0.1:{endpoint.port}", native_histograms=True)
        )

        def half(during: Callable[[], None]) -> Half:
            with Arrivals(orders, A_SECOND) as arrivals:
                wait(lambda: len(arrivals.ids) >= ORDERS // 3)
                during()
                wait(lambda: len(arrivals.ids) >= ORDERS)
            ids.extend(arrivals.ids)

            def ended() -> bool:
                left = orders.running(ids)
                orders.decide(left)
                return not left

            wait(ended)
            # A worker may record an execution after it has reported its result.
            completed = orders.tally(ids)[task_type, "COMPLETED"]
            wait(lambda: (shown := timing(metrics, task_type)) is not None and shown.count >= completed)
            answered = poll_requests() - polls_before
            timed_polls = polls(metrics)
            polls_after = poll_requests() - polls_before
            prometheus.read_again()
            family = f'task_execute_time_seconds{{taskType="{task_type}",status="SUCCESS"}}'
            window = timing(metrics, task_type)
            assert window is not None
            asked, elapsed = tasks(server, ids)
            return Half(
                tally=orders.tally(ids),
                executed=prometheus.ask(f"histogram_count({family})")[()],
                quantiles={quantile: window.quantile(quantile) or 0.0 for quantile in QUANTILES},
                histogram={
                    quantile: prometheus.ask(f"histogram_quantile({quantile}, {family})")[()]
                    for quantile in QUANTILES
                },
                asked=asked,
                elapsed=elapsed,
                polls=(answered, timed_polls, polls_after),
            )

        undisturbed = half(lambda: None)

        def replace() -> None:
            first.kill()
            start()

        return Run(task_type, undisturbed, half(replace))


def test_executions_equal_those_of_the_server(run: Run) -> None:
    statuses = {status for _, status in run.undisturbed.tally}
    assert statuses == {"COMPLETED"}
    completed = run.undisturbed.tally[run.task_type, "COMPLETED"]
    assert completed >= ORDERS
    assert run.undisturbed.executed == completed


def test_kill_loses_no_execution(run: Run) -> None:
    completed, timed_out = (run.killed.tally[run.task_type, status] for status in ("COMPLETED", "TIMED_OUT"))
    assert completed >= 2 * ORDERS
    # The killed worker may have executed and recorded a task without reporting its result.
    assert completed <= run.killed.executed <= completed + timed_out


def rank(ordered: list[float], quantile: float) -> tuple[float, float]:
    """Returns the values at the ranks next to a quantile."""
    position = quantile * (len(ordered) - 1)
    return ordered[int(position)], ordered[min(int(position) + 1, len(ordered) - 1)]


@pytest.mark.parametrize("quantile", QUANTILES)
def test_quantile_lies_between_known_duration_and_that_of_the_server(run: Run, quantile: float) -> None:
    # If each measurement lies between two bounds, then so does each measurement of a rank.
    lower, _ = rank(run.undisturbed.asked, quantile)
    _, upper = rank(run.undisturbed.elapsed, quantile)
    assert lower - CLOCK_SECONDS <= run.undisturbed.quantiles[quantile] <= upper + CLOCK_SECONDS
    # Prometheus finds the bucket of the quantile's rank.
    assert (lower - CLOCK_SECONDS) / BUCKET <= run.undisturbed.histogram[quantile]
    assert run.undisturbed.histogram[quantile] <= (upper + CLOCK_SECONDS) * BUCKET


def test_timed_polls_equal_those_of_the_server(run: Run) -> None:
    answered, timed, after = run.undisturbed.polls
    if timed is None:
        assert run.task_type == "resize_in_go", "only Go's SDK does not tell of polls"
    else:
        # Each of the two workers may be about to record the poll that the server has just answered.
        assert answered - 2 <= timed <= after
