"""Runs ``app.py`` with a loopback Conductor."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness import conductor, eventually, file_samples, key, kill, launch

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from harness import Sample

TASKS = ("plain", "awaiting")

Start = tuple[list[str], str, dict[str, str]]
"""The command, the way in which the program activates Ictus, and the environment."""


@contextmanager
def app(directory: str, start: Start, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yields the program, running with a Conductor, once its workers have been started."""
    command, activation, variables = start
    with conductor() as stub:
        running = launch(*command, directory, f"{stub.url}/api", activation, **variables, **more)
        try:
            yield running
            if "thread" not in more.values():
                # The program stops when its input ends. Threads do not end by themselves.
                running.communicate(timeout=180)
        finally:
            kill(running)


def executed(directory: str, *more: Sample) -> dict[Sample, float]:
    """Waits until all tasks have been executed a few times, and returns the samples of the file."""
    awaited = [
        *(key("task_execute_time_seconds_count", taskType=task, status="SUCCESS") for task in TASKS),
        *(key("task_poll_total", taskType=task) for task in TASKS),
        *more,
    ]
    shown = eventually(
        lambda: file_samples(Path(directory, "out.prom")),
        lambda shown: all(shown.get(sample, 0) >= 3 for sample in awaited),
        180,
    )
    assert {sample: shown.get(sample, 0) >= 3 for sample in awaited} == dict.fromkeys(awaited, True)
    return shown
