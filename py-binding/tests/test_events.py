"""Tests that native event handlers have the effect of the SDK's, and that overridden methods are called."""

from __future__ import annotations

import enum
import gc
import inspect
import sys
import weakref
from types import MethodType, SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from harness import HAS_FACTORY, samples
from ictus.conductor import (
    CanonicalMetricsCollector,
    LegacyMetricsCollector,
    MetricsSettings,
    _sdk,
    events,
    methods,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COLLECTORS = [LegacyMetricsCollector, CanonicalMetricsCollector]
CAUSE = ValueError("bad value")
EVENTS: dict[str, dict[str, Any]] = {
    "on_poll_completed": {"task_type": "t", "duration_ms": 250.0},
    "on_poll_failure": {"task_type": "t", "duration_ms": 250.0, "cause": CAUSE},
    "on_task_execution_started": {"task_type": "t"},
    "on_task_execution_completed": {"task_type": "t", "duration_ms": 250.0, "output_size_bytes": 100},
    "on_task_execution_failure": {"task_type": "t", "duration_ms": 250.0, "cause": CAUSE},
}


def calls(handler: str) -> dict[str, tuple[tuple[Any, ...], dict[str, Any]]]:
    """Returns the arguments of the recording methods that the SDK's handler calls, with one active worker."""
    counted: Any = {"set_active_workers": (("t", 0), {})} if HAS_FACTORY else {}
    started: Any = {"increment_task_execution_started": (("t",), {}), "set_active_workers": (("t", 2), {})}
    every: dict[str, dict[str, tuple[tuple[Any, ...], dict[str, Any]]]] = {
        "on_poll_completed": {"record_task_poll_time": (("t", 0.25), {"status": "SUCCESS"})},
        "on_poll_failure": {
            "increment_task_poll_error": (("t", CAUSE), {}),
            "record_task_poll_time": (("t", 0.25), {"status": "FAILURE"}),
        },
        "on_task_execution_started": started if HAS_FACTORY else {},
        "on_task_execution_completed": {
            "record_task_execute_time": (("t", 0.25), {"status": "SUCCESS"}),
            "record_task_result_payload_size": (("t", 100), {}),
            **counted,
        },
        "on_task_execution_failure": {
            "increment_task_execution_error": (("t", CAUSE), {}),
            "record_task_execute_time": (("t", 0.25), {"status": "FAILURE"}),
            **counted,
        },
    }
    return every[handler]


CALLS = [(handler, method) for handler in EVENTS for method in calls(handler)]


def event(handler: str, **changed: Any) -> Any:
    return SimpleNamespace(**EVENTS[handler] | changed)


def entered(function: Callable[[Any], Any], argument: Any) -> list[str]:
    """Calls the function; returns the names of the Python functions that were entered."""
    names = []

    def profile(frame: Any, what: str, _: Any) -> None:
        if what == "call":
            names.append(frame.f_code.co_name)

    # A collection would call Python functions as well.
    gc.disable()
    sys.setprofile(profile)
    try:
        function(argument)
    finally:
        sys.setprofile(None)
        gc.enable()
    return names


def with_one_worker(collector: Any, directory: str) -> Any:
    """Returns a collector that has handled each event once, with one active worker."""
    instance = collector(MetricsSettings(directory=directory))
    for handler in EVENTS:
        getattr(instance, handler)(event(handler))
    if HAS_FACTORY:
        instance._active_worker_counts["t"] = 1
    return instance


def is_native(instance: Any, handler: str) -> bool:
    return entered(getattr(instance, handler), event(handler)) == []


@pytest.mark.parametrize("handler", EVENTS)
@pytest.mark.parametrize("collector", COLLECTORS)
def test_usual_event_enters_no_python_function(directory: str, collector: Any, handler: str) -> None:
    assert EVENTS.keys() == methods.HANDLERS
    handlers = events.native_handlers(collector)[2]
    assert handlers.keys() == methods.HANDLERS
    assert not any(is_overridden for *_, is_overridden in handlers.values())
    instance = with_one_worker(collector, directory)
    assert is_native(instance, handler)
    instance.must_collect_metrics = False
    assert is_native(instance, handler)


class Text(str, enum.Enum):
    """A string whose text is not its value."""

    NAME = "name"


class Raises:
    """An attribute that raises."""

    def __init__(self, raised: BaseException) -> None:
        self.raised = raised


class Event:
    """An event with any values as attributes."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        if name not in self._values:
            raise AttributeError(name)
        value = self._values[name]
        if isinstance(value, Raises):
            raise value.raised
        return value


ABSENT = object()
VALUES = [
    ABSENT,
    None,
    True,
    False,
    0,
    -7,
    2**31,
    2**53 + 1,
    10**400,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "text",
    "12",
    b"bytes",
    Text.NAME,
    ValueError,
    KeyError("näme"),
    [],
    Raises(ValueError("not readable")),
]


def sdk_handler(instance: Any, handler: str) -> Any:
    return MethodType(getattr(instance._sdk_class, handler), instance)


def raised_by(handle: Any, given: Any) -> str | None:
    try:
        handle(given)
    except BaseException as failed:
        return repr(failed)
    return None


@pytest.mark.parametrize("handler", EVENTS)
def test_event_of_any_kind_has_the_effect_of_the_sdks_handler(tmp_path: Path, handler: str) -> None:
    directories = [str(tmp_path / "native"), str(tmp_path / "sdk")]
    native, sdk = (with_one_worker(LegacyMetricsCollector, directory) for directory in directories)
    changes = [(name, value) for name in EVENTS[handler] for value in VALUES]
    for name, value in [("unused", 0), *changes, ("unused", 0)]:
        values = EVENTS[handler] | {name: value}
        given = Event({name: value for name, value in values.items() if value is not ABSENT})
        expected = raised_by(sdk_handler(sdk, handler), given)
        assert raised_by(getattr(native, handler), given) == expected, (name, value)
        counts, expected_counts = (vars(instance).get("_active_worker_counts") for instance in (native, sdk))
        assert counts == expected_counts, (name, value)
        shown, expected_shown = (samples(directory, "legacy", "documented") for directory in directories)
        assert repr(shown) == repr(expected_shown), (name, value)


@pytest.mark.parametrize("raises", [KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("handler", EVENTS)
def test_interrupt_while_an_event_is_read_is_passed_on(
    directory: str, handler: str, raises: BaseException
) -> None:
    instance = with_one_worker(LegacyMetricsCollector, directory)
    previous = samples(directory)
    # A handler that records nothing reads nothing.
    for name in EVENTS[handler] if calls(handler) else ():
        given = Event(EVENTS[handler] | {name: Raises(raises)})
        assert raised_by(getattr(instance, handler), given) == repr(raises)
    assert samples(directory) == previous


@pytest.mark.skipif(not HAS_FACTORY, reason="until 1.3 workers are not counted")
@pytest.mark.parametrize("handler", ["on_task_execution_started", "on_task_execution_completed"])
@pytest.mark.parametrize("count", [-3, 0, 2**63 - 1, 2**70, 1.5, True, None, "text", ABSENT])
def test_any_count_of_workers_changes_as_in_the_sdk(tmp_path: Path, handler: str, count: Any) -> None:
    instance = [with_one_worker(LegacyMetricsCollector, str(tmp_path / name)) for name in ("native", "sdk")]
    for one in instance:
        one._active_worker_counts["t"] = count
        if count is ABSENT:
            del one._active_worker_counts["t"]
    native, sdk = instance
    expected = raised_by(sdk_handler(sdk, handler), event(handler))
    assert raised_by(getattr(native, handler), event(handler)) == expected
    assert native._active_worker_counts == sdk._active_worker_counts
    assert samples(str(tmp_path / "native")) == samples(str(tmp_path / "sdk"))


@pytest.mark.skipif(not HAS_FACTORY, reason="until 1.3 workers are not counted")
def test_own_dictionary_of_workers_is_used(directory: str) -> None:
    class Doubled(dict[str, int]):
        """Counts twice."""

        def __setitem__(self, name: str, count: int) -> None:
            super().__setitem__(name, 2 * count)

    instance: Any = with_one_worker(LegacyMetricsCollector, directory)
    instance._active_worker_counts = Doubled(t=4)
    instance.on_task_execution_started(event("on_task_execution_started"))
    assert instance._active_worker_counts == {"t": 10}


class Own(LegacyMetricsCollector):
    """A program's collector."""


class Other(LegacyMetricsCollector):
    """Another one, to which a collector can be changed."""


class Mixin:
    """A class that reports no change of its attributes."""


class Mixed(Mixin, LegacyMetricsCollector):
    """A program's collector with that class."""


def derive(base: Any, name: str, value: Any) -> Any:
    """Returns a derived class with one attribute."""
    kind: Any = type(base)
    return kind("Derived", (base,), {name: value})


def set_on_class(collector: Any, _: Any, name: str, value: Any) -> Any:
    setattr(collector, name, value)
    return lambda: delattr(collector, name)


def set_on_class_directly(collector: Any, _: Any, name: str, value: Any) -> Any:
    type.__setattr__(collector, name, value)
    return lambda: type.__delattr__(collector, name)


def set_on_base(_collector: Any, _: Any, name: str, value: Any) -> Any:
    return set_on_class(LegacyMetricsCollector, None, name, value)


def set_on_mixin(_collector: Any, _: Any, name: str, value: Any) -> Any:
    setattr(Mixin, name, value)
    return lambda: delattr(Mixin, name)


def set_on_instance(_: Any, instance: Any, name: str, value: Any) -> Any:
    setattr(instance, name, MethodType(value, instance))
    return lambda: delattr(instance, name)


def set_in_dictionary(_: Any, instance: Any, name: str, value: Any) -> Any:
    # The number of attributes stays the same.
    vars(instance)["removed"] = 1
    instance.on_poll_completed(event("on_poll_completed"))
    del vars(instance)["removed"]
    vars(instance)[name] = MethodType(value, instance)
    return lambda: vars(instance).pop(name)


def replace_dictionary(_: Any, instance: Any, name: str, value: Any) -> Any:
    previous = vars(instance)
    instance.__dict__ = {**previous, name: MethodType(value, instance)}

    def restore() -> None:
        instance.__dict__ = previous

    return restore


def change_class(_: Any, instance: Any, name: str, value: Any) -> Any:
    previous = type(instance)
    type.__setattr__(Other, name, value)
    object.__setattr__(instance, "__class__", Other)

    def restore() -> None:
        type.__delattr__(Other, name)
        object.__setattr__(instance, "__class__", previous)

    return restore


def patch_with_signature(collector: Any, _: Any, name: str, value: Any) -> Any:
    patched = patch.object(collector, name, autospec=True, side_effect=value)
    patched.start()
    return patched.stop


def change_bases(collector: Any, _: Any, name: str, value: Any) -> Any:
    previous = collector.__bases__
    collector.__bases__ = (derive(LegacyMetricsCollector, name, value),)

    def restore() -> None:
        collector.__bases__ = previous

    return restore


def look_up_in_another_way(collector: Any, _: Any, name: str, value: Any) -> Any:
    def __getattribute__(self: Any, wanted: str) -> Any:  # noqa: N807 - the name that Python calls
        return MethodType(value, self) if wanted == name else object.__getattribute__(self, wanted)

    return set_on_class(collector, None, "__getattribute__", __getattribute__)


OVERRIDES = [
    set_on_class,
    set_on_class_directly,
    set_on_base,
    set_on_instance,
    set_in_dictionary,
    replace_dictionary,
    change_class,
    patch_with_signature,
    change_bases,
    look_up_in_another_way,
]


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize(("handler", "method"), CALLS)
def test_overridden_method_is_called(directory: str, handler: str, method: str, override: Any) -> None:
    check_override(directory, Own, handler, method, override)


@pytest.mark.parametrize("override", [set_on_mixin, set_on_class])
@pytest.mark.parametrize(("handler", "method"), CALLS)
def test_overridden_method_of_a_mixin_is_called(
    directory: str, handler: str, method: str, override: Any
) -> None:
    check_override(directory, Mixed, handler, method, override)


def check_override(directory: str, collector: Any, handler: str, method: str, override: Any) -> None:
    instance = with_one_worker(collector, directory)
    bound = getattr(instance, handler)
    called = []

    def record(self: Any, *arguments: Any, **named: Any) -> None:
        assert self is instance
        called.append((arguments, named))

    bound(event(handler))
    if HAS_FACTORY:
        instance._active_worker_counts["t"] = 1
    restore = override(collector, instance, method, record)
    try:
        bound(event(handler))
    finally:
        restore()
    assert called == [calls(handler)[method]]
    bound(event(handler))
    assert len(called) == 1
    assert is_native(instance, handler) == (collector is Own)


@pytest.mark.parametrize(("handler", "method"), CALLS)
def test_method_of_a_subclass_is_called(directory: str, handler: str, method: str) -> None:
    called = []

    def record(_: Any, *arguments: Any, **named: Any) -> None:
        called.append((arguments, named))

    derived = derive(Own, method, record)
    instance = derived(MetricsSettings(directory=directory))
    if HAS_FACTORY:
        instance._active_worker_counts["t"] = 1
    getattr(instance, handler)(event(handler))
    assert called == [calls(handler)[method]]
    # The other handlers are not concerned.
    others = [other for other in EVENTS if method not in calls(other)]
    for other in others:
        getattr(instance, other)(event(other))
        assert is_native(instance, other)


@pytest.mark.parametrize("handler", EVENTS)
def test_handler_of_a_subclass_can_call_the_native_one(directory: str, handler: str) -> None:
    handled = []

    def handle(self: Any, given: Any) -> None:
        handled.append(given)
        getattr(super(derived, self), handler)(given)

    derived = derive(Own, handler, handle)
    instance = with_one_worker(derived, directory)
    plain = with_one_worker(Own, directory + "/plain")
    assert entered(getattr(instance, handler), event(handler)) == ["handle"]
    getattr(plain, handler)(event(handler))
    assert len(handled) == 2
    assert samples(directory) == samples(directory + "/plain")


def test_class_attribute_may_change_at_each_event(directory: str) -> None:
    instance: Any = with_one_worker(Own, directory)
    Own.total = 0
    try:
        instance.on_poll_completed(event("on_poll_completed"))
        Own.total += 1
        assert entered(instance.on_poll_completed, event("on_poll_completed")) == []
    finally:
        del Own.total


@pytest.mark.parametrize("handler", EVENTS)
@pytest.mark.parametrize("autospec", [True, None])
def test_replaced_handler_of_the_sdk_is_called(directory: str, handler: str, autospec: Any) -> None:
    instance = with_one_worker(LegacyMetricsCollector, directory)
    owner = next(one for one in _sdk.LegacyMetricsCollector.__mro__ if handler in vars(one))
    given = event(handler)
    with patch.object(owner, handler, autospec=autospec) as handle:
        getattr(instance, handler)(given)
    handle.assert_any_call(*([instance] if autospec else []), given)
    assert is_native(instance, handler)


@pytest.mark.parametrize(
    "code",
    [
        "self.record_task_poll_time(event.task_type, event.duration_ms / 100, status='SUCCESS')",
        "self.record_task_poll_time(event.task_type, event.duration_ms / 1000, status='success')",
        "self.record_task_poll_time(event.worker_id, event.duration_ms / 1000, status='SUCCESS')",
        "self.record_task_poll_time(event.task_type, event.duration_ms * 1000, status='SUCCESS')",
    ],
)
def test_handler_of_another_release_is_not_replaced(directory: str, code: str) -> None:
    defined: dict[str, Any] = {}
    exec(f"def on_poll_completed(self, event):\n    {code}", defined)
    with patch.object(_sdk.CollectorBase, "on_poll_completed", defined["on_poll_completed"]):
        assert "on_poll_completed" not in events.native_handlers(LegacyMetricsCollector)[2]
        instance = LegacyMetricsCollector(MetricsSettings(directory=directory))
        given = SimpleNamespace(task_type="t", worker_id="w", duration_ms=1.0)
        instance.on_poll_completed(given)
        assert entered(instance.on_poll_completed, given) == ["on_poll_completed"]


@pytest.mark.parametrize("handler", EVENTS)
def test_native_handler_can_be_inspected(directory: str, handler: str) -> None:
    instance = LegacyMetricsCollector(MetricsSettings(directory=directory))
    bound = getattr(instance, handler)
    assert list(inspect.signature(bound).parameters) == ["event"]
    assert bound == getattr(instance, handler)
    assert (bound.__name__, bound.__self__) == (handler, instance)
    with patch.object(LegacyMetricsCollector, handler, autospec=True) as handle:
        getattr(instance, handler)(event(handler))
        with pytest.raises(TypeError):
            getattr(instance, handler)()
    assert handle.call_count == 1


def test_collector_that_refers_to_itself_is_freed() -> None:
    instance: Any = LegacyMetricsCollector(None)
    for handler in EVENTS:
        getattr(instance, handler)(event(handler))
    assert is_native(instance, "on_poll_completed")
    instance.increment_task_poll = MethodType(lambda *_, **__: None, instance)
    reference = weakref.ref(instance)
    del instance
    gc.collect()
    assert reference() is None
