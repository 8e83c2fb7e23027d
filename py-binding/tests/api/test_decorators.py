"""Tests measured and counted blocks and functions."""

# mypy: disable-error-code="untyped-decorator, arg-type"

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import time
import types
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

import ictus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

PAUSE = 0.02


def timing(registry: ictus.Registry, **labels: str) -> ictus.Timing:
    measured = registry.snapshot().timing("work_seconds", **labels)
    assert measured is not None
    return measured


def test_block_is_measured_whether_or_not_it_raises() -> None:
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


def test_labels_may_be_set_at_the_end_of_a_measurement() -> None:
    registry = ictus.Registry()
    work = registry.timer("work_seconds", "", ["outcome"])
    for outcome in ("done", "failed", "done"):
        with work.time() as running:
            running.labels(outcome=outcome)
    assert (timing(registry, outcome="done").count, timing(registry, outcome="failed").count) == (2, 1)


def test_measurement_without_labels_is_counted_and_logged_and_never_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = ictus.Registry()
    work = registry.timer("work_seconds", "", ["outcome"])
    with work.time():
        pass
    with pytest.raises(ConnectionError, match="database"), work.time() as running:
        raise ConnectionError("database is down")
    # A mistake in the block must reach the program.
    with pytest.raises(TypeError, match=r"work_seconds has the labels \(outcome\)"), work.time() as running:
        running.labels(result="done")
    snapshot = registry.snapshot()
    assert snapshot.health["observations_rejected_unlabelled"] == 3
    assert snapshot.timing("work_seconds", outcome="done") is None
    assert [record.getMessage() for record in caplog.records if record.name == "ictus"] == [
        "a measurement of work_seconds was not recorded: it ended without labels; call "
        "labels(outcome=…) on it before its end"
    ]


def test_families_with_labels_are_refused_at_decoration() -> None:
    registry = ictus.Registry()
    ran: list[int] = []
    for decorator in (
        lambda: registry.timer("work_seconds", "", ["outcome"]).time(),
        lambda: registry.gauge("inside", "", ["outcome"]).track_inprogress(),
        lambda: registry.counter("errors", "", ["outcome"]).count_exceptions(),
    ):
        with pytest.raises(ValueError, match="choose a series with"):
            decorator()(lambda: ran.append(1))
    assert ran == []


def test_exceptions_to_count_are_classes() -> None:
    errors = ictus.Registry().counter("errors")
    wrong: Any
    for wrong in ("KeyError", 3, [KeyError], (KeyError, "x")):
        with pytest.raises(TypeError, match="`exception` must be an exception class or a tuple of them"):
            errors.count_exceptions(wrong)


class Unusual(type):
    """A metaclass whose instance check fails for exceptions."""

    def __instancecheck__(cls, instance: object) -> bool:
        if instance is None:
            return False
        raise RuntimeError("not asked for")


def test_exception_of_the_program_is_not_replaced() -> None:
    registry = ictus.Registry()
    unusual = Unusual("Unusual_", (Exception,), {})
    with pytest.raises(ConnectionError), registry.counter("errors").count_exceptions(unusual):
        raise ConnectionError
    inside = registry.gauge("inside")
    tracked = inside.track_inprogress()
    with mock.patch.object(inside, "dec", side_effect=RuntimeError), pytest.raises(ConnectionError), tracked:
        raise ConnectionError


def test_a_measurement_is_of_one_block() -> None:
    running = ictus.Registry().timer("work_seconds").time()
    with running, pytest.raises(RuntimeError, match=r"call time\(\) for each block"), running:
        pass


def test_functions_keep_their_names_results_and_recursion() -> None:
    registry = ictus.Registry()

    @registry.timer("work_seconds").time()
    def factorial(number: int) -> int:
        """Is documented."""
        return 1 if number == 0 else number * factorial(number - 1)

    assert factorial(10) == 3_628_800
    assert (factorial.__name__, factorial.__doc__) == ("factorial", "Is documented.")
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

    assert inspect.iscoroutinefunction(work)
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
    initial = registry.snapshot().timing("work_seconds")
    assert initial is not None
    assert initial.count == 0
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


def test_work_in_progress_is_counted() -> None:
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


def test_exceptions_are_counted_and_propagate() -> None:
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


DECORATORS: dict[str, Any] = {
    "time": lambda: ictus.Registry().timer("work_seconds").time(),
    "track_inprogress": lambda: ictus.Registry().gauge("inside").track_inprogress(),
    "count_exceptions": lambda: ictus.Registry().counter("errors").count_exceptions(),
}


def plain(decorator: Any) -> Any:
    """The undecorated function, for comparison."""

    def undecorated(function: Any) -> Any:
        return function

    return undecorated if decorator is None else decorator()


@pytest.fixture(params=[*DECORATORS, None])
def decorated(request: pytest.FixtureRequest) -> Any:
    """Each decorator, and none: the expectations of a test hold without a decorator, too."""
    return plain(request.param and DECORATORS[request.param])


def test_async_generators_receive_sent_values_exceptions_and_the_end(decorated: Any) -> None:
    received: list[Any] = []

    @decorated
    async def numbers(first: int) -> Any:
        try:
            number = first
            while True:
                try:
                    number = yield number
                except KeyError as thrown:
                    received.append(thrown)
                    number = -1
                if number is None:
                    return
                await asyncio.sleep(0)
        finally:
            received.append("closed")

    async def use() -> None:
        running = numbers(1)
        assert inspect.isasyncgen(running)
        assert [await anext(running), await running.asend(7)] == [1, 7]
        thrown = KeyError("a")
        assert await running.athrow(thrown) == -1
        assert received == [thrown]
        await running.aclose()
        assert received == [thrown, "closed"]
        with pytest.raises(StopAsyncIteration):
            await anext(running)
        running = numbers(2)
        assert await anext(running) == 2
        with pytest.raises(StopAsyncIteration):
            await running.asend(None)
        for raised in (ValueError("b"), asyncio.CancelledError(), KeyboardInterrupt()):
            running = numbers(3)
            await anext(running)
            with pytest.raises(type(raised)) as caught:
                await running.athrow(raised)
            assert caught.value is raised
        running = numbers(4)
        await anext(running)
        with pytest.raises(RuntimeError, match="raised StopAsyncIteration"):
            await running.athrow(StopAsyncIteration())

    asyncio.run(use())
    assert received.count("closed") == 6


def test_async_generator_that_ignores_its_close_is_reported(decorated: Any) -> None:
    @decorated
    async def stubborn() -> Any:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    async def use() -> None:
        running = stubborn()
        await anext(running)
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            await running.aclose()

    asyncio.run(use())


def test_async_context_managers_roll_back(decorated: Any) -> None:
    done: list[str] = []

    @contextlib.asynccontextmanager
    @decorated
    async def transaction() -> Any:
        try:
            yield "connection"
        except ValueError:
            done.append("ROLLBACK")
            raise
        else:
            done.append("COMMIT")

    async def use() -> None:
        async with transaction() as connection:
            assert connection == "connection"
        with pytest.raises(ValueError, match="insert failed"):
            async with transaction():
                raise ValueError("insert failed")

    asyncio.run(use())
    assert done == ["COMMIT", "ROLLBACK"]


def test_context_managers_of_generators_roll_back(decorated: Any) -> None:
    done: list[str] = []

    @contextlib.contextmanager
    @decorated
    def transaction() -> Any:
        try:
            yield
        except ValueError:
            done.append("ROLLBACK")
            raise

    with pytest.raises(ValueError, match="insert failed"), transaction():
        raise ValueError("insert failed")
    assert done == ["ROLLBACK"]


class Adder:
    """A callable object, which does not bind as a method."""

    by = 1

    def __call__(self, *numbers: Any) -> int:
        return sum(number for number in numbers if isinstance(number, int)) + self.by


class Later(Adder):
    """An asynchronous callable object."""

    async def __call__(self, *numbers: Any) -> int:  # type: ignore[override]
        await asyncio.sleep(PAUSE)
        return super().__call__(*numbers)


async def double(number: int, other: int) -> int:
    """A coroutine function."""
    await asyncio.sleep(PAUSE)
    return number + other


@functools.wraps(double)
def returns_coroutine(number: int, other: int) -> Any:
    """A function that returns an awaitable."""
    return double(number, other)


def returns_task(number: int, other: int) -> Any:
    """A function that returns a running task."""
    return asyncio.ensure_future(double(number, other))


@types.coroutine
def generator_based(number: int, other: int) -> Any:
    """A generator that can be awaited."""
    result = yield from double(number, other).__await__()
    return result


AWAITED: list[Any] = [
    double,
    returns_coroutine,
    returns_task,
    generator_based,
    functools.partial(double),
    Later(),
    functools.partial(Later()),
    types.MethodType(lambda _, number, other: double(number, other), "self"),
]


@pytest.mark.parametrize("function", AWAITED, ids=str)
def test_awaitable_is_measured_until_it_is_done(function: Any) -> None:
    registry = ictus.Registry()
    timed = registry.timer("work_seconds").time()(function)
    inside = registry.gauge("inside")
    tracked = inside.track_inprogress()(function)

    async def use() -> None:
        expected = await function(1, 2)
        assert await timed(1, 2) == expected
        pending = asyncio.ensure_future(tracked(1, 2))
        await asyncio.sleep(PAUSE / 2)
        assert registry.snapshot().value("inside") == 1
        assert await pending == expected
        await asyncio.sleep(0)
        # A call that is never awaited leaves nothing in progress.
        unused = tracked(1, 2)
        await unused if isinstance(unused, asyncio.Task) else unused.close()
        await asyncio.sleep(0)

    asyncio.run(use())
    assert registry.snapshot().value("inside") == 0
    assert timing(registry).count == 1
    assert timing(registry).window[0] >= PAUSE * 0.99
    assert inspect.iscoroutinefunction(timed) == inspect.iscoroutinefunction(function)


def test_exceptions_of_futures_are_counted_and_still_unretrieved() -> None:
    registry = ictus.Registry()
    reported: list[Any] = []

    async def fail() -> None:
        raise KeyError

    @registry.counter("errors").count_exceptions(KeyError)
    def submit() -> Any:
        return asyncio.ensure_future(fail())

    async def use() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: reported.append(context["exception"])
        )
        task = submit()
        await asyncio.sleep(PAUSE)
        del task

    asyncio.run(use())
    assert registry.snapshot().value("errors") == 1
    assert [type(raised) for raised in reported] == [KeyError]


def test_bindings_equal_those_of_undecorated_functions(decorated: Any) -> None:
    class Worker:
        above = decorated(classmethod(lambda cls, number: (cls, number)))
        below: Any = classmethod(decorated(lambda cls, number: (cls, number)))
        static = decorated(staticmethod(lambda number: number))
        filled = decorated(functools.partialmethod(lambda self, first, second: (self, first, second), 1))
        adder = decorated(Adder())
        length = decorated(len)
        cached = decorated(functools.lru_cache(lambda self, number: (self, number)))

    worker = Worker()
    for holder in (worker, Worker):
        assert holder.above(1) == (Worker, 1)
        assert holder.below(2) == (Worker, 2)
        assert holder.static(3) == 3
        assert holder.adder(4) == 5
        assert holder.length("four!") == 5
    assert worker.filled(2) == (worker, 1, 2)
    assert worker.cached(5) == (worker, 5)
    bound = decorated(worker.above)
    assert bound(6) == (Worker, 6)
    assert bound.__self__ is Worker


def test_callable_objects_keep_their_type(decorated: Any) -> None:
    adder = Adder()
    called = decorated(adder)
    assert (called(1, 2), called.by, isinstance(called, Adder), callable(called)) == (4, 1, True, True)
    assert str(inspect.signature(called)) == "(*numbers: 'Any') -> 'int'"
    called.by = 10
    assert (adder.by, called(1)) == (10, 11)
    assert inspect.iscoroutinefunction(decorated(Later()).__call__)

    @decorated
    @functools.lru_cache
    def square(number: int) -> int:
        """Is documented."""
        return number * number

    assert [square(3), square(3)] == [9, 9]
    assert square.cache_info().hits == 1
    assert (square.__name__, square.__doc__) == ("square", "Is documented.")
    filled = decorated(functools.partial(divmod, 17))
    assert (filled(5), filled.func(9, 4), filled.args) == ((3, 2), (2, 1), (17,))
    mocked = mock.AsyncMock(return_value=5)
    assert asyncio.run(decorated(mocked)(1)) == 5
    mocked.assert_awaited_once_with(1)


@pytest.mark.parametrize("name", DECORATORS)
def test_invalid_target_is_refused_at_decoration(name: str) -> None:
    decorator = DECORATORS[name]()
    for thing, why in [
        (property(lambda _: 1), rf"put @{name}\(\) below @property"),
        (functools.cached_property(lambda _: 1), "below @cached_property"),
        (Adder, "cannot decorate the class Adder"),
        (classmethod(property(lambda _: 1)), "below @property"),
        (None, "decorates functions and other callables, not None"),
        ("work", "not 'work'"),
    ]:
        with pytest.raises(TypeError, match=why):
            decorator(thing)
