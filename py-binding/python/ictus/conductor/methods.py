"""The recording methods of the collectors: native ones, and the SDK's own in their place."""

from __future__ import annotations

import functools
import inspect
import types
from typing import TYPE_CHECKING, Any, Protocol

from ictus import _core, _log_once
from ictus.conductor._signature import signature

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

NATIVE = frozenset(
    name for name in vars(_core.Collector) if name.startswith(("increment_", "record_", "set_", "measure_"))
)
"""The methods that record natively."""

HANDLERS = frozenset(name for name in vars(_core.Collector) if name.startswith("on_"))
"""The SDK's event handlers that have a native form."""

HELPERS = frozenset(
    ("_increment_counter", "_record_gauge", "_observe_histogram", "_record_quantiles", "_resolve_uri_label")
)
"""Helpers of the SDK since 1.4: its recording methods call them, and programs override them."""

_DECIDING = NATIVE | HELPERS | {"__bases__", "__getattribute__", "_active_worker_counts", "_sdk_class"}
"""Attributes of a class on which it depends whether events are handled natively."""

_Descriptor = type(_core.Collector.increment_task_poll)


@functools.cache
def _methods_that_use(sdk_class: type, helper: str) -> frozenset[str]:
    using = set()
    for name in NATIVE:
        function = getattr(sdk_class, name, None)
        if isinstance(function, types.FunctionType) and helper in function.__code__.co_names:
            using.add(name)
    return frozenset(using)


def methods_that_use(sdk_class: type, helpers: Iterable[str]) -> frozenset[str]:
    """Returns the recording methods whose SDK version calls one of the helpers."""
    return frozenset().union(*(_methods_that_use(sdk_class, helper) for helper in helpers))


def use_sdk_methods(collector: Any, sdk_class: type, names: Collection[str]) -> None:
    """Gives one collector the SDK's methods in place of the native ones. Overrides stay."""
    for name in names:
        function = getattr(sdk_class, name, None)
        if function is not None and name not in vars(collector) and is_native(type(collector), name):
            vars(collector)[name] = types.MethodType(function, collector)


def use_sdk_methods_guarded(collector: Any, sdk_class: type) -> None:
    """Gives one collector all of the SDK's methods, wrapped so that they never raise into the worker."""
    previous = set(vars(collector))
    use_sdk_methods(collector, sdk_class, NATIVE)
    for name in vars(collector).keys() - previous:
        vars(collector)[name] = _guarded(vars(collector)[name])


def _guarded(method: Callable[..., Any]) -> Callable[..., None]:
    @functools.wraps(method)
    def guarded(*arguments: Any, **keywords: Any) -> None:
        try:
            method(*arguments, **keywords)
        except Exception as failed:
            _log_once.warning(f"metrics are not recorded: {failed}")

    return guarded


def respect_overridden_helpers(derived: Any) -> None:
    """Gives a class that overrides helpers the SDK's recording methods, which call them."""
    overridden = [
        helper for helper in HELPERS if _owner(derived, helper) not in (None, *_standard_owners(derived))
    ]
    for name in methods_that_use(derived._sdk_class, overridden) if overridden else ():
        if is_native(derived, name):
            type.__setattr__(derived, name, vars_of(derived._sdk_class, name))


def _standard_owners(derived: Any) -> tuple[type, ...]:
    """Returns the classes of the SDK and of Ictus, whose helpers are no overrides."""
    sdk = derived._sdk_class.__mro__
    ours = [base for base in derived.__mro__ if base.__module__.startswith("ictus.")]
    return (*sdk, *ours)


def _owner(derived: type, name: str) -> type | None:
    return next((base for base in derived.__mro__ if name in vars(base)), None)


def is_native(derived: type, name: str) -> bool:
    """Returns whether instances of a class have the native method of that name."""
    return _owner(derived, name) is _core.Collector


def vars_of(owner: type, name: str) -> Any:
    """Returns the attribute as its class stores it, without binding it."""
    return inspect.getattr_static(owner, name)


_Base: Any = type(Protocol)


class CollectorType(_Base):
    """The type of the collectors' classes.

    An attribute access on a class returns a native method as a Python function, because ``unittest.mock``
    passes ``self`` only to replacements of functions. Calls on instances do not use this path. The base is
    the type of protocols and abstract classes, so a collector can be derived from either.
    """

    _is_protocol = False

    def __getattribute__(cls, name: str) -> Any:  # noqa: N805 - the instances are classes
        attribute = super().__getattribute__(name)
        has_native_form = type(attribute) is _Descriptor and (name in NATIVE or name in HANDLERS)
        return _as_function(attribute, cls) if has_native_form else attribute

    def __setattr__(cls, name: str, value: Any) -> None:  # noqa: N805 - as above
        super().__setattr__(name, value)
        if name in HELPERS:
            respect_overridden_helpers(cls)
        if name in _DECIDING:
            _core.Collector._note_class_change()

    def __delattr__(cls, name: str) -> None:  # noqa: N805 - as above
        super().__delattr__(name)
        if name in _DECIDING:
            _core.Collector._note_class_change()


@functools.cache
def _as_function(native: Any, collector: Any) -> Callable[..., Any]:
    sdk_class = collector.__dict__.get("_sdk_class") or collector._sdk_class
    original = getattr(sdk_class, native.__name__, native)

    @functools.wraps(original)
    def function(self: Any, *arguments: Any, **keywords: Any) -> Any:
        return native(self, *arguments, **keywords)

    function.__signature__ = signature(original)  # type: ignore[attr-defined]
    return function
