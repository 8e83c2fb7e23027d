"""Kills workers of the SDK at a real Conductor server, and compares Prometheus with the server's counts.

The workers are ``examples/demo/worker.py``, the server is that of ``testing/server``. `make e2e`
installs the requirements: four versions of the SDK, Java and Prometheus.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import demo
import pytest
from orders import TASK_TYPES, Arrivals, Orders, Tally
from prometheus import Prometheus

import ictus

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus import Labels
    from server import Server

pytest_plugins = ["real_server"]

ROOT = Path(__file__).resolve().parents[2]
SDK = "2.0.0"
OLD_SDKS = ("1.5.1", "1.3.11", "1.3.4")
ENVIRONMENTS = {SDK: ROOT / ".venv"} | {sdk: ROOT / f".venv-{sdk}" for sdk in OLD_SDKS}
COUNT = "task_execute_time_seconds_count"
ORDERS = 300
A_SECOND = 15
RESPONSE_SECONDS = 15
"""Timeout after which the server hands the task of a killed worker to another worker."""
DECISION_SECONDS = 5
"""Interval at which the server searches for such tasks."""


@dataclass
class Run:
    """The result of a run."""

    tally: Tally
    """How the tasks ended, according to the server's API."""
    killed: set[str]
    """The task types of which a worker was killed."""
    executed: dict[Labels, float]
    """Executions by type and status, according to Prometheus."""
    polls: tuple[float, float, float]
    """Polls: answered by the server before the query, according to Prometheus, answered by the server
    after it.
    """
    restarts: dict[Labels, float]
    """Restarts of workers by the SDK, by task type."""
    fallen: dict[Labels, float]
    """Counts that fell or restarted from zero, and how often."""


def task_types(segment: Path, alone: Path) -> set[str]:
    """Returns the task types that a process has executed, according to its segment alone."""
    folder = alone / "ictus"
    shutil.rmtree(alone, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    shutil.copy(segment, folder)
    family = ictus.read(alone).family("conductor/task_execute_time")
    if family is None:
        return set()
    task_type = family.label_names.index("taskType")
    return {labels[task_type] for labels, _ in family.series}


def worker_of(task_type: str, session: int, metrics: Path) -> int:
    """Returns the process of a session that has executed tasks of that type."""
    for process in Path("/proc").glob("[0-9]*"):
        pid = int(process.name)
        try:
            if os.getsid(pid) != session:
                continue
            maps = (process / "maps").read_text()
        except (OSError, ProcessLookupError):
            continue
        for segment in (metrics / "ictus").glob("*.seg"):
            if segment.name in maps and task_types(segment, metrics.parent / "alone") == {task_type}:
                return pid
    raise AssertionError(f"no process has done a {task_type}")


@pytest.fixture(
    scope="module", params=[(SDK, "one"), (SDK, "all"), *((sdk, "all") for sdk in OLD_SDKS)], ids=" ".join
)
def run(
    request: pytest.FixtureRequest,
    server: Server,
    poll_requests: Callable[[], float],
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """Orders arrive, workers are killed while they work, and all orders end."""
    sdk, whom = request.param
    python = ENVIRONMENTS[sdk] / "bin" / "python"
    assert python.exists(), f"{python} is not there: make e2e makes it"
    directory = tmp_path_factory.mktemp("workers")
    port = demo.free_port()
    orders = Orders(server.url)
    orders.define(response_seconds=RESPONSE_SECONDS)
    polls_before = poll_requests()

    def started() -> AbstractContextManager[subprocess.Popen[bytes]]:
        return demo.workers(server.url, port, 600, directory, str(python))

    def wait(what: Callable[[], bool]) -> None:
        assert demo.wait_for(what, 300), (directory / "worker.log").read_text(errors="replace")[-3000:]

    def done(part: float) -> Callable[[], bool]:
        return lambda: prometheus.ask(f"sum({COUNT})").get((), 0) > part * ORDERS * len(TASK_TYPES)

    with Prometheus(directory, f"127.0.0.1:{port}") as prometheus, ExitStack() as running:
        with Arrivals(orders, A_SECOND) as arrivals:
            program = running.enter_context(started())
            wait(done(1 / 3))
            if whom == "one":
                os.kill(worker_of("fetch_price", program.pid, directory / "metrics"), signal.SIGKILL)
            else:
                # The kill is like a machine that loses power; afterwards the program is started
                # again.
                os.killpg(program.pid, signal.SIGKILL)
                running.close()
                running.enter_context(started())
            wait(lambda: len(arrivals.ids) >= ORDERS)
        left, decided = arrivals.ids, time.monotonic()

        def ended() -> bool:
            nonlocal left, decided
            left = orders.running(left)
            if left and time.monotonic() > decided + DECISION_SECONDS:
                orders.decide(left)
                decided = time.monotonic()
            return not left

        wait(ended)
        answered = poll_requests() - polls_before
        prometheus.read_again()
        return Run(
            tally=orders.tally(arrivals.ids),
            killed={"fetch_price"} if whom == "one" else set(TASK_TYPES),
            executed=prometheus.ask(COUNT, "taskType", "status"),
            polls=(
                answered,
                prometheus.ask("sum(task_poll_total)")[()],
                poll_requests() - polls_before,
            ),
            # The counters start at 0.
            restarts=prometheus.ask("worker_restart_total > 0", "taskType"),
            fallen=prometheus.ask(f"resets({COUNT}[10m]) > 0", "taskType", "status"),
        )


def test_prometheus_and_server_agree_on_each_type(run: Run) -> None:
    for task_type in TASK_TYPES:
        completed, failed, timed_out = (
            run.tally[task_type, status] for status in ("COMPLETED", "FAILED", "TIMED_OUT")
        )
        well, badly = (run.executed.get((task_type, status), 0) for status in ("SUCCESS", "FAILURE"))
        assert completed > 0
        if task_type in run.killed:
            # A killed worker may have executed and recorded a task without reporting its result.
            assert completed <= well, task_type
            assert failed <= badly, task_type
            assert well + badly <= completed + failed + timed_out, task_type
        else:
            assert (completed, failed, timed_out) == (well, badly, 0), task_type
    assert run.tally["charge_card", "FAILED"] > 0
    assert {status for _, status in run.tally} <= {"COMPLETED", "FAILED", "TIMED_OUT"}


def test_no_count_decreases_when_workers_are_killed(run: Run) -> None:
    assert run.fallen == {}


def test_polls_equal_those_of_the_server(run: Run) -> None:
    previous, counted, after = run.polls
    # A worker counts a poll before it sends the poll. The last poll may be in flight, or lost with a
    # killed worker.
    assert previous <= counted <= after + 2 * len(TASK_TYPES)


def test_restart_by_the_sdk_is_counted(run: Run) -> None:
    assert run.restarts == ({("fetch_price",): 1} if len(run.killed) == 1 else {})
