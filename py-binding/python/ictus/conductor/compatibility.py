"""Checks, before anything is replaced, that the installed SDK has the shape that the drop-in replaces.

The check compares names and signatures, not release numbers. A later release with the same shape works. Any
other release keeps its own metrics.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import inspect
import os
import re
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from ictus.conductor._signature import signature

if TYPE_CHECKING:
    from collections.abc import Callable

_MIN_VERSION = (1, 3)
_FACTORY_VERSION = (1, 4)
_FACTORY_MODULES = (
    "metrics_collector_base",
    "legacy_metrics_collector",
    "canonical_metrics_collector",
    "metrics_factory",
)
_RECORDING_METHODS = (
    "increment_external_payload_used",
    "increment_task_ack_error",
    "increment_task_ack_failed",
    "increment_task_execution_error",
    "increment_task_execution_queue_full",
    "increment_task_paused",
    "increment_task_poll",
    "increment_task_poll_error",
    "increment_task_update_error",
    "increment_uncaught_exception",
    "increment_workflow_start_error",
    "record_api_request_time",
    "record_task_execute_time",
    "record_task_poll_time",
    "record_task_result_payload_size",
    "record_workflow_input_payload_size",
)
_FACTORY_RECORDING_METHODS = (
    "increment_task_execution_started",
    "increment_worker_restart",
    "measure_workflow_start_error",
    "record_task_update_time",
    "set_active_workers",
)
_HANDLERS = (
    "on_poll_started",
    "on_poll_completed",
    "on_poll_failure",
    "on_task_execution_started",
    "on_task_execution_completed",
    "on_task_execution_failure",
    "on_workflow_input_payload_size",
)
_COLLECTOR_ATTRIBUTES = ("must_collect_metrics", "registry", "counters", "gauges")
_SETTINGS_ATTRIBUTES = ("file_name", "update_interval", "http_port")
_CLEANING_METHODS = ("clean_metrics_directory", "_clean_stale_db_files", "_clean_dead_pid_files")


class _UnsupportedError(Exception):
    """A difference between the installed SDK and the shape that Ictus expects."""


def sdk_name() -> str:
    """Returns the SDK's name and version, for messages."""
    return f"conductor-python {_version_text() or 'of unknown version'}"


@functools.cache
def find_problem() -> str | None:
    """Returns the reason why the installed SDK cannot be replaced, or ``None``."""
    try:
        _check()
    except _UnsupportedError as problem:
        return str(problem)
    except Exception as failed:
        return f"{type(failed).__name__}: {failed}"
    return None


def _check() -> None:
    _check_version_and_modules()
    from ictus.conductor import _sdk  # noqa: PLC0415 - imports the modules checked above

    for collector in {_sdk.LegacyMetricsCollector, _sdk.CanonicalMetricsCollector}:
        _check_collector(_sdk, collector)
    if _sdk.HAS_FACTORY:
        for name in ("create_metrics_collector", "create_metrics_collector_for_parent"):
            create = getattr(_sdk, name)
            if create is not None:
                _check_call(name, create, 1)
        _check_helpers(_sdk)
    provide = inspect.getattr_static(_sdk.CollectorBase, "provide_metrics", None)
    if not isinstance(provide, staticmethod):
        raise _UnsupportedError(f"{_sdk.CollectorBase.__name__} has no static method provide_metrics")
    _check_call("provide_metrics", _sdk.CollectorBase.provide_metrics, 1)
    _check_restart_counter(_sdk.metrics_collector)
    _check_settings(_sdk)
    _check_callers(_sdk.HAS_FACTORY)


def _check_version_and_modules() -> None:
    version = _version()
    if version is not None and version < _MIN_VERSION:
        raise _UnsupportedError("it is older than 1.3.0")
    missing = [name for name in _FACTORY_MODULES if not _exists(f"conductor.client.telemetry.{name}")]
    has_factory = len(missing) < len(_FACTORY_MODULES)
    if missing and (has_factory or (version is not None and version >= _FACTORY_VERSION)):
        raise _UnsupportedError(f"it has no module conductor.client.telemetry.{missing[0]}")


def _check_collector(sdk: Any, collector: Any) -> None:
    from ictus import _core  # noqa: PLC0415 - only where it can be loaded

    if not (isinstance(collector, type) and issubclass(collector, sdk.CollectorBase)):
        raise _UnsupportedError(f"{collector!r} is no class derived from {sdk.CollectorBase.__name__}")
    name = collector.__name__
    if inspect.isabstract(collector):
        raise _UnsupportedError(f"{name} is abstract")
    _check_call(f"{name}.__init__", inspect.getattr_static(collector, "__init__"), 2)
    methods = _RECORDING_METHODS + (_FACTORY_RECORDING_METHODS if sdk.HAS_FACTORY else ())
    for method in methods:
        original = _attribute(collector, method, f"{name}.{method}")
        if not _accepts(getattr(_core.Collector, method), original):
            raise _UnsupportedError(f"{name}.{method} takes {signature(original)}")
    for handler in _HANDLERS:
        _check_call(f"{name}.{handler}", _attribute(collector, handler, f"{name}.{handler}"), 2)
    instance = collector(None)
    for attribute in _COLLECTOR_ATTRIBUTES:
        _attribute(instance, attribute, f"{name}().{attribute}")


def _check_helpers(sdk: Any) -> None:
    helpers = {
        "_increment_counter": (sdk.CollectorBase, ["name", "documentation", "labels"]),
        "_record_gauge": (sdk.CollectorBase, ["name", "documentation", "labels", "value"]),
        "_observe_histogram": (sdk.CollectorBase, ["name", "documentation", "labels", "value"]),
        "_record_quantiles": (sdk.LegacyMetricsCollector, ["name", "documentation", "labels", "value"]),
    }
    for helper, (owner, expected) in helpers.items():
        original = _attribute(owner, helper, f"{owner.__name__}.{helper}")
        names = [parameter.name for parameter in _positional(original)][1:]
        if names[: len(expected)] != expected:
            raise _UnsupportedError(f"{owner.__name__}.{helper} takes {signature(original)}")


def _check_restart_counter(module: Any) -> None:
    ensure = _attribute(
        module, "_ensure_prometheus_imported", f"{module.__name__}._ensure_prometheus_imported"
    )
    _check_call("_ensure_prometheus_imported", ensure, 0)
    for name in ("CollectorRegistry", "Counter"):
        _attribute(module, name, f"{module.__name__}.{name}")


def _check_settings(sdk: Any) -> None:
    # This directory exists: the constructor creates a missing one.
    settings = sdk.MetricsSettings(directory=os.sep)
    chosen = ("metrics_directory", "is_canonical") if sdk.HAS_FACTORY else ("directory",)
    for attribute in (*_SETTINGS_ATTRIBUTES, *chosen):
        _attribute(settings, attribute, f"MetricsSettings().{attribute}")
    for method in _CLEANING_METHODS:
        original = getattr(sdk.MetricsSettings, method, None)
        if original is not None:
            _check_call(f"MetricsSettings.{method}", original, 1)


def _check_callers(has_factory: bool) -> None:
    """Checks in the source that the task handler and the runners use the replaced names.

    It does not import them, because their import may be in progress.
    """
    make = "create_metrics_collector" if has_factory else "MetricsCollector"
    for module, pattern in (
        ("task_handler", r"\bMetricsCollector(Base)?\.provide_metrics\b"),
        ("task_runner", rf"\b{make}\("),
    ):
        source = _source(f"conductor.client.automator.{module}")
        if source is not None and not re.search(pattern, source):
            raise _UnsupportedError(f"conductor.client.automator.{module} makes its metrics in another way")


def _accepts(ours: Any, theirs: Callable[..., Any]) -> bool:
    """Returns whether our method accepts every call of theirs, apart from additional arguments."""
    accepted = _positional(theirs)
    for index, parameter in enumerate(_positional(ours)[1:], 1):
        if index >= len(accepted):
            # Calls of the SDK never pass this argument.
            if parameter.default is Parameter.empty:
                return False
        elif accepted[index].name != parameter.name or not _is_optional_enough(parameter, accepted[index]):
            return False
    return True


def _is_optional_enough(ours: Parameter, theirs: Parameter) -> bool:
    return theirs.default is Parameter.empty or theirs.default == ours.default


def _positional(function: Any) -> list[Parameter]:
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter for parameter in signature(function).parameters.values() if parameter.kind in kinds]


def _check_call(name: str, function: Callable[..., Any], count: int) -> None:
    """Checks that a function can be called with ``count`` positional arguments and no other."""
    arguments = signature(function)
    try:
        arguments.bind(*range(count))
    except TypeError:
        raise _UnsupportedError(f"{name} takes {arguments}") from None


def _attribute(owner: Any, name: str, description: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        raise _UnsupportedError(f"it has no {description}") from None


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _source(module: str) -> str | None:
    """Returns the module's source text, or ``None`` if it cannot be read."""
    try:
        spec = importlib.util.find_spec(module)
        loader: Any = None if spec is None else spec.loader
        text: str | None = None if loader is None else loader.get_source(module)
    except Exception:
        return None
    return text


@functools.cache
def _version_text() -> str | None:
    try:
        return importlib.metadata.version("conductor-python")
    except Exception:
        return None


def _version() -> tuple[int, int] | None:
    numbers = re.match(r"(\d+)\.(\d+)", _version_text() or "")
    return None if numbers is None else (int(numbers[1]), int(numbers[2]))
