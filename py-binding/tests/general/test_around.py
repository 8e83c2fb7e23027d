"""Blocks and functions that are measured or counted."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import ictus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

PAUSE = 0.02


def timing(registry: ictus.Registry, **labels: str) -> ictus.Timing:
    found = registry.snapshot().timing("work_seconds", **labels)
    assert found is not None
    return found


def test_a_block_is_measured_whether_or_not_it_raises() -> None:
    registry = ictus.Registry()
    work = registry.timer("work_seconds")
    with work.time():
        time.sleep(PAUSE)
    with pytest.raises(KeyError), work.time():
        raise KeyError
    with work.time() as running:
        running.discard()
    observed = list(timing(registry).window)
    assert len(observed) == 2
    assert observed[0] >= PAUSE > observed[1] >= 0


def test_how_work_ended_is_known_at_its_end() -> None:
    registry = ictus.Registry()
    work = registry.timer("work_seconds", "", ["outcome"])
    for outcome in ("done", "failed", "done"):
        with work.time() as running:
            running.labels(outcome=outcome)
    assert (timing(registry, outcome="done").count, timing(registry, outcome="failed").count) == (2, 1)
    with pytest.raises(ValueError, match="say which series"), work.time():
        pass


def test_a_measurement_is_of_one_block() -> None:
    running = ictus.Registry().timer("work_seconds").time()
    with running, pytest.raises(RuntimeError, match=r"call time\(\) for each block"), running:
        pass


def test_functions_keep_their_names_results_and_recursion() -> None:
    registry = ictus.Registry()

    @registry.timer("work_seconds").time()
    def factorial(number: int) -> int:
        """Says so."""
        return 1 if number == 0 else number * factorial(number - 1)

    assert factorial(10) == 3_628_800
    assert (factorial.__name__, factorial.__doc__) == ("factorial", "Says so.")
    assert timing(registry).count == 11


def test_methods_are_measured() -> None:
    registry = ictus.Registry()
    work = registry.timer("work_seconds")

    class Worker:
        @work.time()
        def run(self, by: int) -> tuple[Worker, int]:
            return self, by

        @classmethod
        @work.time()
        def make(cls) -> Worker:
            return cls()

    worker = Worker.make()
    assert worker.run(by=2) == (worker, 2)
    assert timing(registry).count == 2


def test_coroutines_are_measured_until_they_are_done() -> None:
    registry = ictus.Registry()

    @registry.timer("work_seconds").time()
    async def work(number: int) -> int:
        await asyncio.sleep(PAUSE)
        return number

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(work(number) for number in range(20)))

    assert asyncio.iscoroutinefunction(work)
    assert asyncio.run(all_at_once()) == list(range(20))
    assert timing(registry).count == 20
    assert min(timing(registry).window) >= PAUSE * 0.99


def test_generators_are_measured_until_they_are_exhausted() -> None:
    registry = ictus.Registry()
    work = registry.timer("work_seconds").time()

    @work
    def numbers() -> Generator[int, int, None]:
        sent = yield 1
        time.sleep(PAUSE)
        yield sent

    @work
    async def later() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(PAUSE)
        yield 2

    async def collected() -> list[int]:
        return [number async for number in later()]

    running: Any = numbers()
    assert (next(running), running.send(7)) == (1, 7)
    assert registry.snapshot().timing("work_seconds") is None
    assert list(running) == []
    assert asyncio.run(collected()) == [1, 2]
    assert timing(registry).count == 2
    assert min(timing(registry).window) >= PAUSE * 0.99


def test_a_decorated_function_may_run_in_many_threads() -> None:
    registry = ictus.Registry()
    inside = registry.gauge("inside")

    @inside.track_inprogress()
    @registry.timer("work_seconds").time()
    def work(_: int) -> None:
        time.sleep(0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(4000)))
    assert timing(registry).count == 4000
    assert registry.snapshot().value("inside") == 0


def test_what_is_in_progress_is_counted_while_it_is() -> None:
    registry = ictus.Registry()
    inside = registry.gauge("inside")

    @inside.track_inprogress()
    async def work() -> float | None:
        await asyncio.sleep(0)
        return registry.snapshot().value("inside")

    async def two() -> tuple[float | None, float | None]:
        return await asyncio.gather(work(), work())

    assert asyncio.run(two())[0] == 2
    with inside.track_inprogress():
        assert registry.snapshot().value("inside") == 1
    with pytest.raises(KeyError), inside.track_inprogress():
        raise KeyError
    assert registry.snapshot().value("inside") == 0


def test_exceptions_are_counted_and_go_on() -> None:
    registry = ictus.Registry()
    errors = registry.counter("errors", "", ["kind"])
    with pytest.raises(KeyError), errors.labels("all").count_exceptions():
        raise KeyError
    for raised in (KeyError, ValueError):
        with pytest.raises(raised), errors.labels("some").count_exceptions((KeyError, OSError)):
            raise raised

    @errors.labels("called").count_exceptions(OSError)
    async def work() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        asyncio.run(work())
    snapshot = registry.snapshot()
    assert [snapshot.value("errors", kind=kind) for kind in ("all", "some", "called")] == [1, 1, 1]
