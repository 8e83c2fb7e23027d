"""Runs workers of every release of the SDK at the stand-in server, and compares the metrics with its counts.

``make sdk-matrix`` prints the table; ``make sdk-mutants`` runs the changes of ``mutated_sdk.py`` as well.
Each release is installed without its dependencies into a separate folder; the interpreter has one set
of these.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import mutated_sdk
import mutation_runs
from harness import TESTS, Stub, environment, eventually, file_samples, free_port, get, kill, parse, reachable

RELEASES = (
    *(f"1.3.{patch}" for patch in range(12)),
    "1.4.0",
    "1.5.0",
    "1.5.1",
    "2.0.0",
)
TOO_OLD = ("1.2.3", "1.1.10")
"""Releases that keep their own metrics."""
FOLDER = TESTS.parents[1] / "target" / "sdks"
TASKS = 40
"""Tasks of each of the two workers in a run."""
_EXECUTED = "task_execute_time_seconds_count"


def install(release: str) -> Path:
    """Returns the folder of a release, installed once."""
    folder = FOLDER / release
    if not (folder / "conductor").is_dir():
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "install", "--no-deps"]
        command += ["--ignore-requires-python", "--target", str(folder), f"conductor-python=={release}"]
        subprocess.run(command, check=True)
    return folder


@dataclass(frozen=True)
class Cell:
    """One run of the matrix."""

    release: str
    mode: str
    killed: bool


def run(cell: Cell) -> str:
    """Returns ``exact``, or what differs."""
    sdk = install(cell.release)
    port = free_port() if cell.mode == "http" else 0
    with (
        tempfile.TemporaryDirectory() as directory,
        Stub(tasks=TASKS, rate=40, slow=0, poll_errors=0, update_errors=0) as stub,
    ):
        running = subprocess.Popen(
            [
                sys.executable,
                str(TESTS / "sdk_app.py"),
                directory,
                f"{stub.url}/api",
                "ictus.conductor:MetricsSettings",
                str(port),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(PYTHONPATH=str(sdk)),
            start_new_session=True,
        )
        try:
            assert running.stdout is not None
            line = next(line for line in running.stdout if line.startswith(b"workers: "))
            pids = [int(pid) for pid in line.split()[1:]]
            if cell.killed:
                eventually(
                    lambda: stub.counts.get("plain"), lambda one: one is not None and one.completed >= 5
                )
                os.kill(pids[0], signal.SIGKILL)
            return _difference(cell, stub, Path(directory), port)
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired, ValueError):
                running.communicate(timeout=20)
            kill(running)


def _difference(cell: Cell, stub: Stub, directory: Path, port: int) -> str:
    def shown() -> dict[str, float]:
        if port:
            text = parse(get(port, "/metrics")[2].decode()) if reachable(port) else {}
        else:
            text = file_samples(directory / "out.prom")
        executed: dict[str, float] = {}
        for (name, labels), value in text.items():
            if name == _EXECUTED:
                executed[dict(labels)["taskType"]] = executed.get(dict(labels)["taskType"], 0) + value
        return executed

    def counts() -> dict[str, int]:
        return {task: one.completed for task, one in stub.counts.items()}

    # The tasks of a worker that was killed and is not restarted remain in the queue.
    done = eventually(
        counts, lambda now: len(now) == 2 and min(now.values()) >= TASKS, 8 if cell.killed else 40
    )
    # A killed worker has counted the task that it was executing, but the result has not arrived.
    lost = 2 if cell.killed else 0

    def agrees(now: dict[str, float]) -> bool:
        return now.keys() == done.keys() and all(0 <= now[task] - done[task] <= lost for task in done)

    now = eventually(shown, agrees, 5)
    if not agrees(now) or min(done.values()) < 5 or done["awaiting"] < TASKS:
        return f"shown {now}, served {done}"
    segments = list((directory / "ictus").glob("*"))
    return "exact" if segments else "not by Ictus"


def _matrix(releases: list[str]) -> int:
    cells = [
        Cell(one, mode, killed) for one in releases for mode in ("file", "http") for killed in (False, True)
    ]
    for release in releases:
        install(release)
    print(f"Python {sys.version.split()[0]}, conductor-python:", flush=True)
    print(f"{'release':9}{'file':>14}{'file, killed':>14}{'http':>14}{'http, killed':>14}", flush=True)
    wrong = []
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(run, cells)
        for release in releases:
            outcomes = [next(results) for _ in range(4)]
            short = ["exact" if one == "exact" else "WRONG" for one in outcomes]
            print(f"{release:9}" + "".join(f"{one:>14}" for one in short), flush=True)
            wrong += [f"{release}: {one}" for one in outcomes if one != "exact"]
    for release in TOO_OLD:
        old = mutation_runs.run(install(release), "hook")
        kept = old.lines() and not old.records_natively
        print(f"{release:9}  {'its own metrics stay in use' if kept else 'WRONG'}", flush=True)
        wrong += [] if kept else [f"{release}: {old}"]
    print("\n".join(wrong))
    return 1 if wrong else 0


def _mutants(releases: list[str]) -> int:
    wrong = 0
    jobs = [(release, change) for release in releases for change in mutated_sdk.changes(install(release))]
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda job: mutation_runs.compare(install(job[0]), job[1]), jobs)
        for (release, change), outcome in zip(jobs, results, strict=True):
            fine = set(outcome.values()) <= {"ictus", "sdk"}
            wrong += not fine
            print(f"{release:9}{change:60} {outcome or 'broken by itself'}", flush=True)
    print(f"{len(jobs)} changed SDKs, {wrong} wrong")
    return 1 if wrong else 0


def main(arguments: list[str]) -> int:
    """Runs the matrix, or with ``mutants`` the changes, for the named releases or all."""
    start = time.monotonic()
    mutants = arguments[:1] == ["mutants"]
    releases = arguments[1 if mutants else 0 :] or list(RELEASES)
    status = _mutants(releases) if mutants else _matrix(releases)
    print(f"{time.monotonic() - start:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
