"""The recording methods of the collectors: native ones, and the SDK's own in their place."""

from __future__ import annotations

import functools
import inspect
import types
from typing import TYPE_CHECKING, Any, Protocol

from ictus import _core, _notice

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

NATIVE = frozenset(
    name for name in vars(_core.Collector) if name.startswith(("increment_", "record_", "set_", "measure_"))
)
"""The methods that record natively."""

HELPERS = frozenset(
    ("_increment_counter", "_record_gauge", "_observe_histogram", "_record_quantiles", "_resolve_uri_label")
)
"""What the SDK's recording methods call, and programs override, since 1.4."""

_Descriptor = type(_core.Collector.increment_task_poll)


@functools.cache
def _that_use(sdk_class: type, helper: str) -> frozenset[str]:
    using = set()
    for name in NATIVE:
        function = getattr(sdk_class, name, None)
        if isinstance(function, types.FunctionType) and helper in function.__code__.co_names:
            using.add(name)
    return frozenset(using)


def that_use(sdk_class: type, helpers: Iterable[str]) -> frozenset[str]:
    """Returns the recording methods which in the SDK call one of the helpers."""
    return frozenset().union(*(_that_use(sdk_class, helper) for helper in helpers))


def use_sdk_methods(collector: Any, sdk_class: type, names: Collection[str]) -> None:
    """Gives one collector the SDK's methods in place of the native ones. What overrides those stays."""
    for name in names:
        function = getattr(sdk_class, name, None)
        if function is not None and name not in vars(collector) and _is_native(type(collector), name):
            vars(collector)[name] = types.MethodType(function, collector)


def use_sdk_methods_guarded(collector: Any, sdk_class: type) -> None:
    """Gives one collector all of the SDK's methods, which then raise nothing into the worker."""
    before = set(vars(collector))
    use_sdk_methods(collector, sdk_class, NATIVE)
    for name in vars(collector).keys() - before:
        vars(collector)[name] = _guarded(vars(collector)[name])


def _guarded(method: Callable[..., Any]) -> Callable[..., None]:
    @functools.wraps(method)
    def guarded(*arguments: Any, **keywords: Any) -> None:
        try:
            method(*arguments, **keywords)
        except Exception as failed:
            _notice.once(f"metrics are not recorded: {failed}")

    return guarded


def honour_overridden_helpers(derived: Any) -> None:
    """Gives a class that overrides helpers the SDK's recording methods, which call them."""
    overridden = [
        helper for helper in HELPERS if _owner(derived, helper) not in (None, *_own_owners(derived))
    ]
    for name in that_use(derived._sdk_class, overridden) if overridden else ():
        if _is_native(derived, name):
            type.__setattr__(derived, name, vars_of(derived._sdk_class, name))


def _own_owners(derived: Any) -> tuple[type, ...]:
    """The classes whose helpers are the SDK's or Ictus's."""
    sdk = derived._sdk_class.__mro__
    ours = [one for one in derived.__mro__ if one.__module__.startswith("ictus.")]
    return (*sdk, *ours)


def _owner(derived: type, name: str) -> type | None:
    return next((one for one in derived.__mro__ if name in vars(one)), None)


def _is_native(derived: type, name: str) -> bool:
    return _owner(derived, name) is _core.Collector


def vars_of(owner: type, name: str) -> Any:
    """Returns the attribute as the class that has it keeps it."""
    return inspect.getattr_static(owner, name)


_Base: Any = type(Protocol)


class CollectorType(_Base):
    """The type of the collectors' classes.

    Shows native methods as Python functions where a class is asked for them: ``unittest.mock`` gives
    ``self`` to what replaces a function, and to nothing else. Calls on instances do not pass here. Derived
    from the type of protocols, which is that of abstract classes, so that collectors may be derived from
    either too.
    """

    _is_protocol = False

    def __getattribute__(cls, name: str) -> Any:  # noqa: N805 - the instances are classes
        found = super().__getattribute__(name)
        return _function(found, cls) if type(found) is _Descriptor and name in NATIVE else found

    def __setattr__(cls, name: str, value: Any) -> None:  # noqa: N805 - as above
        super().__setattr__(name, value)
        if name in HELPERS:
            honour_overridden_helpers(cls)


@functools.cache
def _function(native: Any, collector: Any) -> Callable[..., Any]:
    sdk_class = collector.__dict__.get("_sdk_class") or collector._sdk_class
    theirs = getattr(sdk_class, native.__name__, native)

    @functools.wraps(theirs)
    def function(self: Any, *arguments: Any, **keywords: Any) -> Any:
        return native(self, *arguments, **keywords)

    function.__signature__ = inspect.signature(theirs)  # type: ignore[attr-defined]
    return function
