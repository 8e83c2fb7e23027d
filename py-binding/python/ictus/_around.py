"""Measures blocks and functions, counts their exceptions, or counts them as in progress.

A decorated callable behaves as the undecorated one: the same calls, results, exceptions, attributes and
bindings, whether it is a function, coroutine function, generator function, method or callable object.
What cannot be decorated so is refused with a ``TypeError`` at decoration.
"""

from __future__ import annotations

import functools
import inspect
import types
from typing import TYPE_CHECKING, Any

from ictus import _notice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from ictus import Counter, Gauge

    _Block = Callable[[], Any]
    _Wrapper = Callable[[_Block, Callable[..., Any]], Callable[..., Any]]


def each_call(around: _Block, decorator: str, function: Any) -> Any:
    """Returns ``function`` with a new block of ``around`` around each call.

    A block lasts as long as the work: of a coroutine until it is done, of a generator until it is
    exhausted. ``decorator`` names the decorator in errors.
    """
    wrap = functools.partial(each_call, around, decorator)
    if isinstance(function, types.FunctionType):
        return functools.wraps(function)(_wrapper(function)(around, function))
    # These objects hold a function and control how it is bound, so their type is kept.
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(wrap(function.__func__))
    if isinstance(function, types.MethodType):
        return types.MethodType(wrap(function.__func__), function.__self__)
    if type(function) in (functools.partial, functools.partialmethod):
        copy = type(function)(wrap(function.func), *function.args, **function.keywords)
        copy.__dict__.update(function.__dict__)
        return copy
    if isinstance(function, type):
        raise TypeError(
            f"{decorator} cannot decorate the class {function.__name__}: it would no longer be a class; "
            "decorate its methods"
        )
    if callable(function):
        return _callable_object(around, function)
    if isinstance(function, (property, functools.cached_property)):
        raise TypeError(
            f"{decorator} cannot decorate a {type(function).__name__}: put @{decorator} below "
            f"@{type(function).__name__}, on the function"
        )
    raise TypeError(f"{decorator} decorates functions and other callables, not {function!r}")


def _wrapper(function: Callable[..., Any]) -> _Wrapper:
    """Returns the kind of wrapper that keeps the kind of the function."""
    if inspect.iscoroutinefunction(function):
        return _coroutine
    if inspect.isasyncgenfunction(function):
        return _async_generator
    if inspect.isgeneratorfunction(function):
        awaitable = function.__code__.co_flags & inspect.CO_ITERABLE_COROUTINE
        return _generator_based_coroutine if awaitable else _generator
    return _function


def _coroutine(around: _Block, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*arguments: Any, **keywords: Any) -> Any:
        with around():
            return await function(*arguments, **keywords)

    return call


def _async_generator(around: _Block, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*arguments: Any, **keywords: Any) -> AsyncGenerator[Any, Any]:
        # Does for asynchronous generators what ``yield from`` does for generators: asend, athrow
        # and aclose reach the inner one.
        with around():
            inner = function(*arguments, **keywords)
            step = inner.__anext__()
            while True:
                try:
                    item = await step
                except StopAsyncIteration:
                    return
                try:
                    sent = yield item
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as thrown:
                    step = inner.athrow(thrown)
                else:
                    step = inner.asend(sent)

    return call


def _generator(around: _Block, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Generator[Any, Any, Any]:
        with around():
            return (yield from function(*arguments, **keywords))

    return call


def _generator_based_coroutine(around: _Block, function: Callable[..., Any]) -> Callable[..., Any]:
    return types.coroutine(_generator(around, function))


def _function(around: _Block, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        block = around()
        block.__enter__()
        try:
            result = function(*arguments, **keywords)
        except BaseException as raised:
            block.__exit__(type(raised), raised, raised.__traceback__)
            raise
        if hasattr(type(result), "__await__"):
            return _end_with(block, around, result)
        block.__exit__(None, None, None)
        return result

    return call


def _end_with(block: Any, around: _Block, result: Any) -> Any:
    """Returns what a function returned to be awaited, with the block around the work."""
    if isinstance(result, types.CoroutineType):
        # The work has not begun. When it begins, a new block begins with it.
        block.discard()
        block.__exit__(None, None, None)
        return _awaited(around, result)
    if hasattr(result, "add_done_callback"):
        # A future is already running. `exception()` would mark its exception as retrieved.
        def end(future: Any) -> None:
            raised = getattr(future, "_exception", None)
            block.__exit__(None if raised is None else type(raised), raised, None)

        result.add_done_callback(end)
    else:
        block.__exit__(None, None, None)
    return result


def _awaited(around: _Block, inner: types.CoroutineType[Any, Any, Any]) -> Any:
    async def outer() -> Any:
        with around():
            return await inner

    outer.__name__, outer.__qualname__ = inner.__name__, inner.__qualname__
    return outer()


class _Callable:
    """A callable object with a block around each call; in all else it is the wrapped object."""

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__":
            raise AttributeError(name)
        return getattr(self.__wrapped__, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__wrapped__, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.__wrapped__, name)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)


def _callable_object(around: _Block, wrapped: Any) -> Any:
    function = inspect.getattr_static(type(wrapped), "__call__", None)
    wrapper = _wrapper(function) if isinstance(function, types.FunctionType) else _function
    members: dict[str, Any] = {
        "__call__": staticmethod(wrapper(around, wrapped)),
        "__class__": property(lambda _: type(wrapped)),
        "__doc__": getattr(wrapped, "__doc__", None),
        "__module__": getattr(wrapped, "__module__", None),
    }
    bind = getattr(type(wrapped), "__get__", None)
    if bind is not None:

        def get(this: Any, instance: Any, owner: Any = None) -> Any:
            bound = bind(wrapped, instance, owner)
            return this if bound is wrapped else each_call(around, "a decorator", bound)

        members["__get__"] = get
    made = type("_Callable", (_Callable,), members)()
    object.__setattr__(made, "__wrapped__", wrapped)
    return made


class InProgress:
    """Adds one while a block or a call lasts."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge

    def __enter__(self) -> None:
        self._gauge.inc()

    def __exit__(self, *raised: object) -> None:
        with _Guarded():
            self._gauge.dec()

    def discard(self) -> None:
        """Changes nothing: what was added is taken off at the end all the same."""

    def __call__(self, function: Callable[..., Any]) -> Any:
        return each_call(lambda: self, "track_inprogress()", function)


class Exceptions:
    """Counts the exceptions that leave a block or a call."""

    def __init__(self, counter: Counter, exception: Any) -> None:
        self._counter = counter
        self._exception = Exception if exception is None else exception
        try:
            isinstance(None, self._exception)
        except TypeError:
            raise TypeError(
                f"`exception` must be an exception class or a tuple of them, not {exception!r}"
            ) from None

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, raised: BaseException | None, trace: object) -> None:
        with _Guarded():
            if isinstance(raised, self._exception):
                self._counter.inc()

    def discard(self) -> None:
        """Changes nothing: no exception has been counted."""

    def __call__(self, function: Callable[..., Any]) -> Any:
        return each_call(lambda: self, "count_exceptions()", function)


class _Guarded:
    """Logs an exception instead of raising it over the program's own."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, raised: BaseException | None, trace: object) -> bool:
        if not isinstance(raised, Exception):
            return False
        _notice.once(f"a block or call was not recorded: {raised!r}")
        return True
