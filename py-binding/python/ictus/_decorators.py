"""Decorators and context managers of the metrics: time, exceptions, and work in progress.

A decorated callable behaves as the undecorated one: the same calls, results, exceptions, attributes and
bindings. It may be a function, a coroutine function, a generator function, a method or a callable object.
Any other object raises ``TypeError`` at decoration.
"""

from __future__ import annotations

import functools
import inspect
import types
from typing import TYPE_CHECKING, Any

from ictus import _log_once

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from ictus import Counter, Gauge

    _NewBlock = Callable[[], Any]
    _Wrapper = Callable[[_NewBlock, Callable[..., Any]], Callable[..., Any]]


def wrap_calls(new_block: _NewBlock, decorator: str, function: Any) -> Any:
    """Returns ``function`` wrapped: each call runs inside a new context manager of ``new_block``.

    The context manager exits when a coroutine is done, or a generator is exhausted. ``decorator`` names the
    decorator in errors.
    """
    wrap = functools.partial(wrap_calls, new_block, decorator)
    if isinstance(function, types.FunctionType):
        return functools.wraps(function)(_wrapper_for(function)(new_block, function))
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
        return _wrap_callable_object(new_block, function)
    if isinstance(function, (property, functools.cached_property)):
        raise TypeError(
            f"{decorator} cannot decorate a {type(function).__name__}: put @{decorator} below "
            f"@{type(function).__name__}, on the function"
        )
    raise TypeError(f"{decorator} decorates functions and other callables, not {function!r}")


def _wrapper_for(function: Callable[..., Any]) -> _Wrapper:
    """Returns the wrapper that preserves the kind of the function."""
    if inspect.iscoroutinefunction(function):
        return _wrap_coroutine
    if inspect.isasyncgenfunction(function):
        return _wrap_async_generator
    if inspect.isgeneratorfunction(function):
        awaitable = function.__code__.co_flags & inspect.CO_ITERABLE_COROUTINE
        return _wrap_generator_based_coroutine if awaitable else _wrap_generator
    return _wrap_function


def _wrap_coroutine(new_block: _NewBlock, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*arguments: Any, **keywords: Any) -> Any:
        with new_block():
            return await function(*arguments, **keywords)

    return call


def _wrap_async_generator(new_block: _NewBlock, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*arguments: Any, **keywords: Any) -> AsyncGenerator[Any, Any]:
        # Does for asynchronous generators what ``yield from`` does for generators: asend, athrow
        # and aclose reach the inner one.
        with new_block():
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


def _wrap_generator(new_block: _NewBlock, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Generator[Any, Any, Any]:
        with new_block():
            return (yield from function(*arguments, **keywords))

    return call


def _wrap_generator_based_coroutine(new_block: _NewBlock, function: Callable[..., Any]) -> Callable[..., Any]:
    return types.coroutine(_wrap_generator(new_block, function))


def _wrap_function(new_block: _NewBlock, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        block = new_block()
        block.__enter__()
        try:
            result = function(*arguments, **keywords)
        except BaseException as raised:
            block.__exit__(type(raised), raised, raised.__traceback__)
            raise
        if hasattr(type(result), "__await__"):
            return _end_with_result(block, new_block, result)
        block.__exit__(None, None, None)
        return result

    return call


def _end_with_result(block: Any, new_block: _NewBlock, result: Any) -> Any:
    """Returns the awaitable that a function returned, changed so that the block exits when it is done."""
    if isinstance(result, types.CoroutineType):
        # The work has not begun. When it begins, a new block begins with it.
        block.discard()
        block.__exit__(None, None, None)
        return _wrap_coroutine_object(new_block, result)
    if hasattr(result, "add_done_callback"):
        # A future is already running. `exception()` would mark its exception as retrieved.
        def end(future: Any) -> None:
            raised = getattr(future, "_exception", None)
            block.__exit__(None if raised is None else type(raised), raised, None)

        result.add_done_callback(end)
    else:
        block.__exit__(None, None, None)
    return result


def _wrap_coroutine_object(new_block: _NewBlock, inner: types.CoroutineType[Any, Any, Any]) -> Any:
    async def outer() -> Any:
        with new_block():
            return await inner

    outer.__name__, outer.__qualname__ = inner.__name__, inner.__qualname__
    return outer()


class _Callable:
    """A callable object whose calls run inside a block. Every attribute is that of the wrapped object."""

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


def _wrap_callable_object(new_block: _NewBlock, wrapped: Any) -> Any:
    function = inspect.getattr_static(type(wrapped), "__call__", None)
    wrapper = _wrapper_for(function) if isinstance(function, types.FunctionType) else _wrap_function
    members: dict[str, Any] = {
        "__call__": staticmethod(wrapper(new_block, wrapped)),
        "__class__": property(lambda _: type(wrapped)),
        "__doc__": getattr(wrapped, "__doc__", None),
        "__module__": getattr(wrapped, "__module__", None),
    }
    bind = getattr(type(wrapped), "__get__", None)
    if bind is not None:

        def get(this: Any, instance: Any, owner: Any = None) -> Any:
            bound = bind(wrapped, instance, owner)
            return this if bound is wrapped else wrap_calls(new_block, "a decorator", bound)

        members["__get__"] = get
    wrapper_object = type("_Callable", (_Callable,), members)()
    object.__setattr__(wrapper_object, "__wrapped__", wrapped)
    return wrapper_object


class InProgress:
    """Adds one to a gauge while a block or a call runs."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge

    def __enter__(self) -> None:
        self._gauge.inc()

    def __exit__(self, *raised: object) -> None:
        with _LogExceptions():
            self._gauge.dec()

    def discard(self) -> None:
        """Does nothing: the exit of the block subtracts the one in any case."""

    def __call__(self, function: Callable[..., Any]) -> Any:
        return wrap_calls(lambda: self, "track_inprogress()", function)


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
        with _LogExceptions():
            if isinstance(raised, self._exception):
                self._counter.inc()

    def discard(self) -> None:
        """Changes nothing: no exception has been counted."""

    def __call__(self, function: Callable[..., Any]) -> Any:
        return wrap_calls(lambda: self, "count_exceptions()", function)


class _LogExceptions:
    """Logs an exception of a metric, so that it does not replace the program's own."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, raised: BaseException | None, trace: object) -> bool:
        if not isinstance(raised, Exception):
            return False
        _log_once.warning(f"a block or call was not recorded: {raised!r}")
        return True
