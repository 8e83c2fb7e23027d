#!/usr/bin/env python3
"""Measures the cost of a task for a worker: with the SDK's collector, with Ictus, and without metrics.

The same program (``noop_worker.py``) executes the same tasks for the same real Conductor server. The
figures are those of whole processes: the tasks that the server has completed in a period, and the
processor time of the worker, its processes and its endpoint in that period. The runs take turns,
because disturbances of the machine are irregular.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "examples" / "demo"), str(ROOT / "testing" / "server")]
import demo  # noqa: E402
from exposition import parse, total  # noqa: E402
from orders import Orders  # noqa: E402
from server import Server  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

COLLECTORS = ("none", "sdk", "ictus")
TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """The result of a run."""

    tasks_a_second: float
    cpu_a_thousand: float
    """Seconds of processor time for 1,000 tasks."""


class State(NamedTuple):
    """The progress of a run."""

    time: float
    tasks: int
    cpu: float


def completed(server: Server) -> int:
    """Returns the number of tasks that the server has completed since it started."""
    samples, _ = parse(server.get("/actuator/prometheus"))
    return int(total(samples, "task_execution_seconds_count", status="COMPLETED", includeRetries="false"))


def cpu_of(session: int) -> float:
    """Returns the processor time of a session's processes in seconds, including ended children."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session:
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


@contextmanager
def program(url: str, collector: str, threads: int) -> Iterator[tuple[int, int]]:
    """Runs the worker; yields its session and the port of its endpoint."""
    port = demo.free_port()
    with tempfile.TemporaryDirectory(prefix="ictus-tasks-", ignore_cleanup_errors=True) as directory:
        command = [sys.executable, str(HERE / "noop_worker.py"), "--server", f"{url}/api"]
        command += ["--directory", directory, "--port", str(port)]
        command += ["--threads", str(threads), "--collector", collector]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            yield process.pid, port
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            time.sleep(1)  # Let the server answer the polls.


def measure(server: Server, orders: Orders, collector: str, threads: int, tasks: int) -> Cost:
    """Measures a run without its first and last tenth, in which the worker starts or has too little work."""
    for number in range(tasks):
        orders.start(number)
    initial = completed(server)
    with program(server.url, collector, threads) as (session, port):

        def reach(part: float) -> State:
            scraped = time.monotonic()
            while (done := completed(server) - initial) < part * tasks:
                if collector != "none" and time.monotonic() - scraped > 5:
                    demo.fetch(f"http://127.0.0.1:{port}/metrics")
                    scraped = time.monotonic()
                time.sleep(0.1)
            return State(time.monotonic(), done, cpu_of(session))

        begin = reach(0.1)
        end = reach(0.9)
        reach(0.98)  # A task handed to an ended worker of the previous run arrives later.
    done = end.tasks - begin.tasks
    return Cost(done / (end.time - begin.time), 1000 * (end.cpu - begin.cpu) / done)


def main() -> None:
    """Prints a table for docs/comparison.md."""
    parser = argparse.ArgumentParser(description="What a task costs a worker, by its collector.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tasks", type=int, default=2000)
    options = parser.parse_args()
    print(
        "| threads | collector | tasks per second | ratio to none"
        " | CPU seconds per 1,000 tasks | ratio to none |"
    )
    print("|---|---|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory(prefix="ictus-server-", ignore_cleanup_errors=True) as directory,
        Server(Path(directory)) as server,
    ):
        orders = Orders(server.url, "nothing", ("nothing",))
        orders.define(retries=0, response_seconds=300)
        measure(server, orders, "none", 4, options.tasks)  # Warms the server up.
        for threads in (1, 4):
            costs: dict[str, list[Cost]] = {collector: [] for collector in COLLECTORS}
            for _ in range(options.rounds):
                for collector, measured in costs.items():
                    measured.append(measure(server, orders, collector, threads, options.tasks))
                    print(threads, collector, measured[-1], file=sys.stderr, flush=True)
            for collector, measured in costs.items():
                # Compare neighbouring runs: a disturbance of the machine affects both.
                pairs = list(zip(measured, costs["none"], strict=True))
                speed = statistics.median(one.tasks_a_second / none.tasks_a_second for one, none in pairs)
                cpu = sorted(one.cpu_a_thousand / none.cpu_a_thousand for one, none in pairs)
                row = (
                    f"{statistics.median(one.tasks_a_second for one in measured):.0f}",
                    f"{speed:.2f}",
                    f"{statistics.median(one.cpu_a_thousand for one in measured):.2f}",
                    f"{statistics.median(cpu):.2f} ({cpu[0]:.2f} to {cpu[-1]:.2f})",
                )
                print("|", " | ".join((str(threads), collector, *row)), "|", flush=True)


if __name__ == "__main__":
    main()
