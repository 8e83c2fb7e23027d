"""Blocks and functions that metrics go around: measured, counted, or counted as in progress."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

    from ictus import Counter, Gauge

    _Block = Callable[[], AbstractContextManager[Any]]


def each_call(around: _Block, function: Callable[..., Any]) -> Any:
    """The function inside of a block of its own at each call.

    What is inside is its work: of a coroutine until it is done, of a generator until it is exhausted.
    """
    if inspect.iscoroutinefunction(function):
        wrapper = _coroutine
    elif inspect.isasyncgenfunction(function):
        wrapper = _async_generator
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator
    else:
        wrapper = _function
    return functools.wraps(function)(wrapper(around, function))


def _coroutine(around: _Block, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*arguments: Any, **keywords: Any) -> Any:
        with around():
            return await function(*arguments, **keywords)

    return call


def _async_generator(around: _Block, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*arguments: Any, **keywords: Any) -> Any:
        with around():
            async for item in function(*arguments, **keywords):
                yield item

    return call


def _generator(around: _Block, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        with around():
            return (yield from function(*arguments, **keywords))

    return call


def _function(around: _Block, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        with around():
            return function(*arguments, **keywords)

    return call


class InProgress:
    """One more inside, one less after it."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge

    def __enter__(self) -> None:
        self._gauge.inc()

    def __exit__(self, *raised: object) -> None:
        self._gauge.dec()

    def __call__(self, function: Callable[..., Any]) -> Any:
        return each_call(lambda: self, function)


class Exceptions:
    """Counts what is raised."""

    def __init__(self, counter: Counter, exception: Any) -> None:
        self._counter = counter
        self._exception = Exception if exception is None else exception

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(raised, self._exception):
            self._counter.inc()

    def __call__(self, function: Callable[..., Any]) -> Any:
        return each_call(lambda: self, function)
