"""Measures the costs of a process: threads that share a collector, memory of a series, time to import."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from collectors import CANONICAL, ICTUS, LEGACY, WARM_UP, collector
from runner import median, rounds, table, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 4
SERIES = 200
PAGE = 4096
BUDGETS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "four threads' rate, of one's": (">= 0.9", lambda share: share >= 0.9),
    "a timer's series, KB": ("<= 20", lambda kilobytes: kilobytes <= 20),
    "import, ms": ("< 10", lambda milliseconds: milliseconds < 10),
}
SHARE, MEMORY, IMPORT = BUDGETS


def imported(contestant: str) -> float:
    """Returns the time to import the recording library, in milliseconds."""
    start = time.perf_counter()
    if contestant == ICTUS:
        import ictus  # noqa: PLC0415

        assert callable(ictus.Registry), "which loads the native module"
    else:
        import prometheus_client  # noqa: PLC0415

        assert prometheus_client
    return (time.perf_counter() - start) * 1e3


def share(record: Callable[[str, float], None], times: int) -> float:
    """Returns the ratio of the call rate of four threads to that of one thread."""

    def rate(threads: int) -> float:
        barrier = threading.Barrier(threads + 1)

        def run() -> None:
            barrier.wait()
            for _ in range(times):
                record("resize", 0.01)
            barrier.wait()

        for _ in range(threads):
            threading.Thread(target=run).start()
        barrier.wait()
        start = time.perf_counter()
        barrier.wait()
        return times * threads / (time.perf_counter() - start)

    return rate(THREADS) / rate(1)


def memory(record: Callable[[str, float], None]) -> float:
    """Returns the kilobytes of a series whose window is full, including mapped files."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * PAGE

    record("first", 0.01)
    initial = resident()
    for number in range(SERIES):
        for _ in range(WARM_UP):
            record(f"task {number}", 0.01)
    return (resident() - initial) / SERIES / 1024


def contest(contestant: str) -> dict[str, float]:
    """Measures one contestant in this process."""
    figures = {IMPORT: imported(contestant)}
    with tempfile.TemporaryDirectory() as directory:
        record = collector(contestant, directory).record_task_execute_time
        for _ in range(WARM_UP):
            record("resize", 0.01)
        figures[SHARE] = share(record, 2_000_000 if contestant == ICTUS else 5_000)
        figures[MEMORY] = memory(record)
    return figures


def shown() -> bool:
    """Prints the table; returns whether all budgets hold."""
    peers = (LEGACY, CANONICAL)
    results = rounds(__file__, (ICTUS, *peers), 3)
    rows, all_ok = [], True
    for figure, (budget, holds) in BUDGETS.items():
        own, *others = (
            median(results, lambda each, one=one: each[one][figure])  # type: ignore[misc] # noqa: B023
            for one in (ICTUS, *peers)
        )
        all_ok &= holds(own)
        rows.append(
            [figure, f"{own:.3g}", *(f"{other:.3g}" for other in others), budget, verdict(holds(own))]
        )
    table(["a process", ICTUS, *peers, "budget", ""], rows)
    return all_ok


if __name__ == "__main__":
    print(json.dumps(contest(sys.argv[1])))
