"""Tests that the window holds the newest observations over all processes, living or ended."""

from __future__ import annotations

import pytest

from harness import key, kill, samples, start

LABELS = {"taskType": "shared", "status": "SUCCESS"}


@pytest.mark.parametrize("first_lives", [True, False], ids=["first lives on", "first has ended"])
@pytest.mark.parametrize("second_lives", [True, False], ids=["second lives on", "second has ended"])
def test_the_newest_thousand_of_two_processes(directory: str, first_lives: bool, second_lives: bool) -> None:
    running = []
    try:
        for value, count, lives in (("0.001", "1500", first_lives), ("1.0", "10", second_lives)):
            process = start("recording_worker.py", directory, value, count)
            running.append(process)
            assert process.stdout is not None
            assert process.stdout.readline() == b"done\n"
            if not lives:
                process.communicate(timeout=30)
        shown = samples(directory, "legacy")
    finally:
        for process in running:
            kill(process)

    quantiles = {q: shown[key("task_execute_time_seconds", quantile=q, **LABELS)] for q in QUANTILES}
    assert quantiles == {q: quantile(NEWEST, float(q)) for q in QUANTILES}
    assert [quantiles[q] for q in ("0.5", "0.75", "0.9", "0.95")] == [0.001] * 4
    assert shown[key("task_execute_time_seconds_count", **LABELS)] == 1510
    assert shown[key("task_execute_time_seconds_sum", **LABELS)] == pytest.approx(11.5, rel=1e-12)
    assert shown[key("task_execute_time", taskType="shared")] == 1.0


QUANTILES = ("0.5", "0.75", "0.9", "0.95", "0.99")
NEWEST = [0.001] * 990 + [1.0] * 10


def quantile(values: list[float], q: float) -> float:
    """Computes a quantile by its definition: sort, index, interpolate."""
    ordered = sorted(values)
    index = q * (len(ordered) - 1)
    lower = int(index)
    if index == lower:
        return ordered[lower]
    return ordered[lower] + (index - lower) * (ordered[lower + 1] - ordered[lower])
