"""A mixed fleet: workers of four SDKs execute the tasks of one type and record into one metrics directory.

    fleet.py PYTHON NAME=COMMAND…

Each command is started with the server's address, the directory and the task type as arguments. Fails
unless the directory shows one window with all executions, and counts that equal the server's.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import ictus

sys.path.insert(0, str(Path(__file__).parents[1]))
from conductor_stub import Stub

KIND = "resize"
TASKS = 400


def until(holds: Callable[[], bool], what: str) -> None:
    """Waits for a condition, for two minutes at most."""
    deadline = time.monotonic() + 120
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"in vain: {what}")
        time.sleep(0.02)


def executions_of(segment: Path) -> int:
    """Returns the number of executions of one process, according to its segment alone."""
    with tempfile.TemporaryDirectory() as alone:
        folder = Path(alone, "ictus")
        folder.mkdir(mode=0o700)
        shutil.copy(segment, folder)
        family = ictus.read(alone).family("conductor/task_execute_time")
    return sum(one.count for _, one in family.series if isinstance(one, ictus.Timing)) if family else 0


def main() -> None:
    """Runs the fleet."""
    commands = [argument.split("=", 1) for argument in sys.argv[1:]]
    with (
        tempfile.TemporaryDirectory() as directory,
        Stub(rate=100, tasks=0, slow=0, poll_errors=0, update_errors=0) as stub,
    ):
        workers = [
            subprocess.Popen(
                [*shlex.split(command), f"{stub.url}/api", directory, KIND], stdin=subprocess.PIPE
            )
            for _, command in commands
        ]

        def started() -> bool:
            return len(list(Path(directory, "ictus").glob("*.seg"))) >= len(commands)

        # On a busy machine the first workers would execute all tasks before the last one polls.
        # A worker has a segment once it has recorded something, which may need a task.
        admitted = 0
        deadline = time.monotonic() + 120
        while not started() and time.monotonic() < deadline:
            admitted = min(admitted + 4, TASKS // 2)
            stub.admit(admitted)
            time.sleep(0.25)
        stub.admit(TASKS)

        def settled() -> bool:
            counts = stub.counts.get(KIND)
            return counts is not None and counts.completed == TASKS

        until(settled, f"{TASKS} tasks, of which the server has {stub.counts.get(KIND)}")

        def executions() -> ictus.Timing | None:
            family = ictus.read(directory).family("conductor/task_execute_time")
            if family is None:
                return None
            labels = {"taskType": KIND, "status": "SUCCESS"}
            timing = dict(family.series).get(tuple(labels[name] for name in family.label_names))
            return timing if isinstance(timing, ictus.Timing) else None

        def recorded() -> bool:
            timing = executions()
            return timing is not None and timing.count == TASKS

        until(recorded, "as many executions as the server has counted")
        shares = sorted(executions_of(segment) for segment in Path(directory, "ictus").glob("*.seg"))
        with ictus.start_http_server(0, "127.0.0.1", directory=directory, surfaces=["canonical"]) as server:
            address = f"http://127.0.0.1:{server.port}/metrics?name[]=task_execute_time_seconds"
            with urlopen(address) as answer:
                shown = answer.read().decode()
        sample = f'task_execute_time_seconds_count{{status="SUCCESS",taskType="{KIND}"}} {TASKS}.0\n'
        assert sample in shown, shown
        timing = executions()
        assert timing is not None
        assert len(timing.window) == TASKS
        ordered = sorted(timing.window)
        assert timing.quantile(1) == ordered[-1]
        assert timing.quantile(0) == ordered[0]
        # Each worker has a segment, and each has executed some of the tasks.
        assert sum(shares) == TASKS, shares
        assert sum(share > 0 for share in shares) == len(commands), shares
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.close()
        for (name, _), worker in zip(commands, workers, strict=True):
            if worker.wait(60) != 0:
                sys.exit(f"the {name} worker ended with {worker.returncode}")
        print(f"{TASKS} executions by {', '.join(name for name, _ in commands)}: {timing}")


if __name__ == "__main__":
    main()
