"""Tests that recorded observations survive SIGKILL, and that no total ever decreases."""

from __future__ import annotations

import threading

from harness import key, kill, samples, start

KILLS = 200
COUNT = key("task_execute_time_seconds_count", taskType="doomed", status="SUCCESS")


def test_recorded_observations_survive_killed_workers(directory: str) -> None:
    counts: list[float] = []
    finished = threading.Event()

    def read_count() -> float:
        counts.append(samples(directory, "legacy").get(COUNT, 0.0))
        return counts[-1]

    killer = start("killed_workers.py", directory, str(KILLS), "20261122")
    concurrent_counts: list[float] = []

    def read_repeatedly() -> None:
        while not finished.is_set():
            concurrent_counts.append(samples(directory, "legacy").get(COUNT, 0.0))

    reader = threading.Thread(target=read_repeatedly)
    reader.start()
    try:
        assert killer.stdout is not None
        for number, line in enumerate(killer.stdout, start=1):
            reported = int(line)
            count = read_count()
            assert reported <= count, f"after {number} kills {reported} had returned, {count} are shown"
        assert number == KILLS
        assert killer.wait(30) == 0
        # Each worker may have been killed between an observation and its report.
        assert read_count() <= reported + KILLS
        assert counts == sorted(counts)
    finally:
        finished.set()
        reader.join()
        kill(killer)
    assert concurrent_counts == sorted(concurrent_counts)
