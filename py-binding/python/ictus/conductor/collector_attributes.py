"""The SDK's attributes of a collector: ``counters``, ``gauges``, ``quantile_data`` and their like.

The SDK's collectors store metrics of ``prometheus_client`` there, by name. Ictus records in its own memory.
These dictionaries therefore read its values on access, and add them to the metrics that the SDK's helpers
stored.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
from collections import deque
from typing import TYPE_CHECKING, Any

from ictus import _log_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ORDER = (
    "taskType",
    "workflowType",
    "entityName",
    "operation",
    "payload_type",
    "method",
    "uri",
    "status",
    "exception",
    "version",
    "quantile",
)
"""Labels in the order of the SDK."""

# The SDK's name and the labels of each recorded name.
_WINDOWS = {
    "conductor/api_request_time": ("http_api_client_request", ("method", "uri", "status")),
    "conductor/task_poll_time": ("task_poll_time_seconds", ("taskType", "status")),
    "conductor/task_execute_time": ("task_execute_time_seconds", ("taskType", "status")),
    "conductor/task_update_time": ("task_update_time_seconds", ("taskType", "status")),
}

_sdk_values_only: contextvars.ContextVar[bool] = contextvars.ContextVar("_sdk_values_only", default=False)


@contextlib.contextmanager
def sdk_values_only() -> Iterator[None]:
    """Makes the dictionaries contain only the metrics that the SDK's helpers stored."""
    token = _sdk_values_only.set(True)
    try:
        yield
    finally:
        _sdk_values_only.reset(token)


def attach(collector: Any, surface: str) -> None:
    """Replaces the dictionaries of the SDK's constructor by ones that contain the recorded values."""
    readers: dict[str, Callable[[], dict[Any, Any]]] = {
        "counters": functools.partial(_counters, collector, surface),
        "gauges": functools.partial(_gauges, collector, surface, with_quantiles=False),
        "quantile_metrics": functools.partial(_gauges, collector, surface, with_quantiles=True),
        "histograms": functools.partial(_histograms, collector, surface),
        "quantile_data": functools.partial(_quantile_data, collector, surface),
    }
    for name, read in readers.items():
        stored = vars(collector).get(name)
        if type(stored) is dict:
            vars(collector)[name] = RecordedValues(stored, read)


class RecordedValues(dict[Any, Any]):
    """A dictionary of the SDK that also contains the natively recorded values."""

    def __init__(self, stored: dict[Any, Any], read: Callable[[], dict[Any, Any]]) -> None:
        super().__init__(stored)
        self._read = read

    def _all(self) -> dict[Any, Any]:
        stored = dict(super().items())
        if _sdk_values_only.get():
            return stored
        try:
            return {**self._read(), **stored}
        except Exception as failed:
            _log_once.warning(f"recorded values cannot be shown in a collector's attributes: {failed}")
            return stored

    def __getitem__(self, name: Any) -> Any:
        return self._all()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, RecordedValues) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        return repr(self._all())

    def get(self, name: Any, default: Any = None) -> Any:
        """Returns the metric of that name."""
        return self._all().get(name, default)

    def keys(self) -> Any:
        """Returns the names."""
        return self._all().keys()

    def values(self) -> Any:
        """Returns the metrics."""
        return self._all().values()

    def items(self) -> Any:
        """Returns names and metrics."""
        return self._all().items()

    def copy(self) -> dict[Any, Any]:
        """Returns a dictionary of the current values."""
        return self._all()


class _Value:
    """A number with the interface of ``prometheus_client``'s values."""

    def __init__(self, value: float) -> None:
        self._value = value

    def get(self) -> float:
        """Returns the number."""
        return self._value


class Metric:
    """A recorded metric with the reading interface of ``prometheus_client``'s metrics."""

    def __init__(
        self, name: str, documentation: str, kind: str, samples: list[tuple[str, dict[str, str], float]]
    ) -> None:
        self._name, self._documentation, self._type = name, documentation, kind
        self._samples = samples
        names = {label for _, labels, _ in samples for label in labels} - {"le"}
        self._labelnames = tuple(sorted(names, key=_label_position))
        self._metrics: dict[tuple[str, ...], Metric] = {}
        self._value = _Value(sum(value for _, _, value in samples) if kind != "histogram" else 0.0)
        self._sum = _Value(sum(value for sample, _, value in samples if sample.endswith("_sum")))
        if self._labelnames:
            children: dict[tuple[str, ...], list[tuple[str, dict[str, str], float]]] = {}
            for sample, labels, value in samples:
                rest = (sample, _without(labels, self._labelnames), value)
                children.setdefault(self._values(labels), []).append(rest)
            for values, child_samples in children.items():
                self._metrics[values] = Metric(name, documentation, kind, child_samples)

    def _values(self, labels: dict[str, str]) -> tuple[str, ...]:
        return tuple(labels.get(name, "") for name in self._labelnames)

    def labels(self, *values: Any, **named: Any) -> Metric:
        """Returns the series with those label values, at 0 where there is none."""
        if named:
            values = tuple(named[name] for name in self._labelnames)
        if len(values) != len(self._labelnames):
            raise ValueError("Incorrect label count")
        texts = tuple(str(value) for value in values)
        return self._metrics.get(texts) or Metric(self._name, self._documentation, self._type, [])

    def collect(self) -> list[Any]:
        """Returns the samples."""
        from prometheus_client.metrics_core import Metric as Family  # noqa: PLC0415

        family = Family(self._name, self._documentation, self._type)
        for sample, labels, value in self._samples:
            family.add_sample(sample, labels, value)
        return [family]


def _label_position(label: str) -> tuple[int, str]:
    return (_ORDER.index(label) if label in _ORDER else len(_ORDER), label)


def _without(labels: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name not in names}


def _metrics(collector: Any, surface: str, kind: str) -> dict[str, Metric]:
    return {
        name: Metric(name, documentation, kind, list(samples))
        for name, documentation, metric_type, samples in collector._families([surface])
        if metric_type == kind and not name.startswith("ictus_") and any(value for _, _, value in samples)
    }


def _by_sdk_name(metrics: dict[str, Metric]) -> dict[Any, Metric]:
    return {_sdk_name(name): metric for name, metric in metrics.items()}


def _sdk_name(name: str) -> Any:
    """Returns the SDK's name: a member of its enumeration of strings, if it has one."""
    from conductor.client.telemetry.model.metric_name import MetricName  # noqa: PLC0415

    try:
        return MetricName(name)
    except ValueError:
        return name


def _counters(collector: Any, surface: str) -> dict[Any, Metric]:
    return _by_sdk_name(_metrics(collector, surface, "counter"))


def _gauges(collector: Any, surface: str, *, with_quantiles: bool) -> dict[Any, Metric]:
    gauges = _metrics(collector, surface, "gauge")
    return _by_sdk_name(
        {name: gauge for name, gauge in gauges.items() if ("quantile" in gauge._labelnames) == with_quantiles}
    )


def _histograms(collector: Any, surface: str) -> dict[Any, Metric]:
    return _by_sdk_name(_metrics(collector, surface, "histogram"))


def _quantile_data(collector: Any, surface: str) -> dict[str, deque[float]]:
    names = _metrics(collector, surface, "gauge")
    data = {}
    for recorded, values, observations in collector._windows():
        name, labels = _WINDOWS.get(recorded, ("", ()))
        if name in names:
            # The values are recorded in the order of the sorted label names.
            given = dict(zip(sorted(labels), values, strict=True))
            key = f"{_sdk_name(name)}_{tuple(given[label] for label in labels)}"
            data[key] = deque(observations, maxlen=type(collector).QUANTILE_WINDOW_SIZE)
    return data
