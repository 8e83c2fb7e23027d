"""Tests that recorded observations survive SIGKILL, and that no total ever decreases."""

from __future__ import annotations

import threading

from harness import key, kill, samples, start

KILLS = 200
COUNT = key("task_execute_time_seconds_count", taskType="doomed", status="SUCCESS")


def test_recorded_observations_survive_killed_workers(directory: str) -> None:
    seen: list[float] = []
    finished = threading.Event()

    def look() -> float:
        seen.append(samples(directory, "legacy").get(COUNT, 0.0))
        return seen[-1]

    killer = start("killed_workers.py", directory, str(KILLS), "20261122")
    beside: list[float] = []

    def look_all_the_time() -> None:
        while not finished.is_set():
            beside.append(samples(directory, "legacy").get(COUNT, 0.0))

    looking = threading.Thread(target=look_all_the_time)
    looking.start()
    try:
        assert killer.stdout is not None
        for number, line in enumerate(killer.stdout, start=1):
            reported = int(line)
            count = look()
            assert reported <= count, f"after {number} kills {reported} had returned, {count} are shown"
        assert number == KILLS
        assert killer.wait(30) == 0
        # Each worker may have been killed between an observation and its report.
        assert look() <= reported + KILLS
        assert seen == sorted(seen)
    finally:
        finished.set()
        looking.join()
        kill(killer)
    assert beside == sorted(beside)
