"""Tests threads, event loops and green threads: no observation is lost, and no thread waits for another."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ictus

FOLDER = Path(__file__).parent


def test_a_pool_of_threads_shares_metrics(directory: str) -> None:
    registry = ictus.Registry(directory)
    work, done = registry.timer("work_seconds", "", ["thread"]), registry.counter("done")

    def run(thread: int) -> None:
        for number in range(5000):
            work.labels("all").observe(thread * 10_000 + number)
            work.labels(str(thread)).observe(number)
            done.inc()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    snapshot = registry.snapshot()
    assert snapshot.value("done") == 40_000
    timing = snapshot.timing("work_seconds", thread="all")
    assert timing is not None
    assert (timing.count, timing.sum) == (40_000, sum(t * 10_000 + n for t in range(8) for n in range(5000)))
    for thread in range(8):
        own = snapshot.timing("work_seconds", thread=str(thread))
        assert own is not None
        assert list(own.window) == list(range(4000, 5000))


def test_threads_that_create_equal_metrics_share_them() -> None:
    registry = ictus.Registry()
    barrier = threading.Barrier(8)

    def make(_: int) -> ictus.Counter:
        barrier.wait()
        child = registry.counter("jobs", "", ["queue"]).labels("a")
        child.inc()
        return child

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(8)))
    assert registry.snapshot().value("jobs", queue="a") == 8


def test_snapshots_are_concurrent_with_recording() -> None:
    registry = ictus.Registry()
    work = registry.timer("work_seconds")
    ended = threading.Event()

    def run() -> None:
        number = 0
        while not ended.is_set():
            work.observe(number)
            number += 1

    thread = threading.Thread(target=run)
    thread.start()
    seen = 0
    while seen < 50:
        timing = registry.snapshot().timing("work_seconds")
        if timing is not None and len(timing.window) == 1000:
            window = list(timing.window)
            assert window == list(range(int(window[0]), int(window[0]) + 1000))
            seen += 1
    ended.set()
    thread.join()


def test_an_event_loop_records_in_tasks() -> None:
    registry = ictus.Registry()
    work = registry.timer("work_seconds")

    async def task() -> None:
        for _ in range(50):
            with work.time():
                await asyncio.sleep(0)

    async def all_of_them() -> None:
        await asyncio.gather(*(task() for _ in range(100)))

    asyncio.run(all_of_them())
    timing = registry.snapshot().timing("work_seconds")
    assert timing is not None
    assert timing.count == 5000


def test_green_threads_record(directory: str) -> None:
    # Runs in a separate process, because gevent patches the whole interpreter.
    child = subprocess.run(
        [sys.executable, FOLDER / "gevent_app.py", directory], capture_output=True, text=True, check=False
    )
    assert (child.returncode, child.stderr) == (0, "")
    timing = ictus.read(directory).timing("work_seconds")
    assert timing is not None
    assert timing.count == 5000


def test_a_signal_handler_and_the_garbage_collector_record() -> None:
    registry = ictus.Registry()
    done = registry.counter("done", "", ["by"])
    by_signal, by_collector = done.labels("signal"), done.labels("collector")

    class Cycle:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            by_collector.inc()

    previous = signal.signal(signal.SIGUSR1, lambda *_: by_signal.inc())
    try:
        for _ in range(1000):
            Cycle()
            signal.raise_signal(signal.SIGUSR1)
            done.labels("loop").inc()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    gc.collect()
    snapshot = registry.snapshot()
    assert [snapshot.value("done", by=by) for by in ("signal", "collector", "loop")] == [1000] * 3
