"""The native module: what the Rust side offers."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, final

from typing_extensions import Self, disjoint_base

__version__: str
__all__ = [
    "Application",
    "Collector",
    "Counter",
    "Family",
    "Gauge",
    "Provider",
    "Registry",
    "Running",
    "Security",
    "Server",
    "Snapshot",
    "Timer",
    "Timing",
    "__version__",
    "clear",
    "command",
    "content_type",
    "multiprocess_files",
    "read",
    "retire",
    "shown_names",
    "take_log",
    "text",
]

_Family = tuple[str, str, str, list[tuple[str, dict[str, str], float]]]
_Guests = Callable[[Path], list[_Family]]
_Function = TypeVar("_Function", bound=Callable[..., Any])
_Format = Literal["text", "openmetrics", "protobuf"]
_Directory = str | os.PathLike[str]

@final
class Registry:
    """Where metrics are recorded: this process's memory, or a directory that processes share.

    ``directory`` is created where it is missing; without it, metrics stay in this process's memory. A timer's
    window has the newest ``window`` observations (default 1,000), none older than ``max_age`` seconds;
    ``buckets`` are its histogram's upper bounds, and an empty sequence means no histogram. A family has at
    most ``max_series`` series (default 1,000); further label sets share one series whose label values are
    ``ictus_overflow``. A series that no process updates for ``expire_after`` seconds is removed. ``group`` is
    the number of a group of users that may share the directory. With ``utf8_names``, names of metrics and
    labels may have any characters; clients that take no others get underscores in their place.
    ``ICTUS_WINDOW`` and ``ICTUS_MAX_SERIES`` apply where the arguments are not given.

    Raises ``OSError`` where the directory cannot be used, and ``ValueError`` for options out of range. A
    forked child records in the same directory, on its own.
    """

    def __new__(
        cls,
        directory: _Directory | None = None,
        *,
        window: int | None = None,
        max_age: float | None = None,
        expire_after: float | None = None,
        max_series: int | None = None,
        buckets: Sequence[float] | None = None,
        group: int | None = None,
        utf8_names: bool = False,
    ) -> Registry: ...
    @property
    def directory(self) -> Path | None:
        """The directory, or None for a registry in memory."""

    def counter(self, name: str, help: str = "", labels: Sequence[str] = ()) -> Counter:
        """Returns a counter; the existing one where name, kind and labels are the same.

        ``_total`` at the end of ``name`` is left out, since formats add it; look-ups take both spellings.
        ``help`` is shown with the metric, and ``labels`` are the label names. Raises ``ValueError`` for names
        that Prometheus does not accept, and where a family of that name exists with another kind.
        """

    def gauge(self, name: str, help: str = "", labels: Sequence[str] = ()) -> Gauge:
        """Returns a gauge, shown as the sum over live processes; the existing one where it is the same.

        Arguments and errors are those of ``counter``.
        """

    def timer(
        self,
        name: str,
        help: str = "",
        labels: Sequence[str] = (),
        *,
        window: int | None = None,
        max_age: float | None = None,
        expire_after: float | None = None,
        max_series: int | None = None,
        buckets: Sequence[float] | None = None,
    ) -> Timer:
        """Returns a timer of durations in seconds; the existing one where it is the same.

        ``name``, ``help``, ``labels`` and errors are those of ``counter``. The options are those of
        ``Registry``, for this timer alone: ``window`` and ``max_age`` of the window, ``expire_after`` and
        ``max_series`` of the series, ``buckets`` of the histogram.
        """

    def snapshot(self) -> Snapshot:
        """Returns what was recorded: here, or in the directory by all of its processes, living and dead."""

    def render(
        self,
        format: _Format = "text",
        *,
        surfaces: Sequence[str] | None = None,
        native: bool = False,
        utf8_names: bool = False,
    ) -> bytes:
        """Returns the exposition as bytes: ``text``, ``openmetrics`` or ``protobuf``.

        ``surfaces`` names the sets of names that Conductor's metrics are shown under. ``native`` adds native
        histograms to protobuf. ``utf8_names`` shows names of any characters as they are, in quotes, for
        clients that ask for ``escaping=allow-utf-8``. ``ictus.content_type`` returns the format's content
        type.
        """

    def remove_idle(self, seconds: float) -> int:
        """Removes series that no process has updated for ``seconds``; returns how many of this process."""

    def _families(self) -> list[_Family]: ...
    def __copy__(self) -> Registry: ...
    def __deepcopy__(self, _memo: object) -> Registry: ...

@final
class Counter:
    """A total that only grows. In a family with labels, the children record: see ``labels``."""

    def labels(self, *values: object, **named: object) -> Counter:
        """Returns the series with these label values, by position or by name. Keep it in hot loops.

        Any object is a label value, as its ``str``. Raises ``TypeError`` for labels of another family.
        """

    def remove(self, *values: object) -> bool:
        """Removes the series and returns whether it existed. Children of it record nothing any more."""

    @property
    def name(self) -> str:
        """The family's name, without ``_total``."""

    @property
    def label_names(self) -> list[str]:
        """The family's label names, in order."""

    def inc(self, amount: float = 1) -> None:
        """Adds ``amount`` to the total. A negative or non-finite amount is rejected and counted."""

    def count_exceptions(
        self, exception: type[BaseException] | tuple[type[BaseException], ...] | None = None
    ) -> _Around:
        """Counts the exceptions that leave a ``with`` block or a decorated function.

        ``exception`` is a class or a tuple of classes; by default, ``Exception``.
        """

    def __copy__(self) -> Counter: ...
    def __deepcopy__(self, _memo: object) -> Counter: ...

@final
class Gauge:
    """A state that goes up and down. In a family with labels, the children record: see ``labels``."""

    def labels(self, *values: object, **named: object) -> Gauge:
        """Returns the series with these label values, by position or by name. Keep it in hot loops.

        Any object is a label value, as its ``str``. Raises ``TypeError`` for labels of another family.
        """

    def remove(self, *values: object) -> bool:
        """Removes the series and returns whether it existed. Children of it record nothing any more."""

    @property
    def name(self) -> str:
        """The family's name."""

    @property
    def label_names(self) -> list[str]:
        """The family's label names, in order."""

    def set(self, value: float) -> None:
        """Sets this process's state. A non-finite value is rejected and counted."""

    def inc(self, amount: float = 1) -> None:
        """Adds ``amount`` to this process's state."""

    def dec(self, amount: float = 1) -> None:
        """Subtracts ``amount`` from this process's state."""

    def track_inprogress(self) -> _Around:
        """Adds one while a ``with`` block or a decorated function runs."""

    def __copy__(self) -> Gauge: ...
    def __deepcopy__(self, _memo: object) -> Gauge: ...

@final
class Timer:
    """Durations in seconds: quantiles of the newest, and their lifetime count, sum and histogram.

    In a family with labels, the children record: see ``labels``.
    """

    def labels(self, *values: object, **named: object) -> Timer:
        """Returns the series with these label values, by position or by name. Keep it in hot loops.

        Any object is a label value, as its ``str``. Raises ``TypeError`` for labels of another family.
        """

    def remove(self, *values: object) -> bool:
        """Removes the series and returns whether it existed. Children of it record nothing any more."""

    @property
    def name(self) -> str:
        """The family's name."""

    @property
    def label_names(self) -> list[str]:
        """The family's label names, in order."""

    def observe(self, seconds: float, exemplar: str | None = None) -> None:
        """Records a duration. A negative or non-finite one is rejected and counted.

        ``exemplar`` is the id of the trace that the observation belongs to.
        """

    def time(self) -> Running:
        """Measures a ``with`` block, or each call of a decorated function.

        A coroutine is measured until it is done, a generator until it is exhausted.
        """

    def __copy__(self) -> Timer: ...
    def __deepcopy__(self, _memo: object) -> Timer: ...

@final
class Running:
    """A measurement: of one ``with`` block, or of each call of a decorated function.

    Nothing is raised where it ends: a measurement without label values is counted and logged.
    """

    def labels(self, *values: object, **named: object) -> None:
        """Sets the series in which the measurement ends, where the outcome is known only then."""

    def discard(self) -> None:
        """Ends the measurement without recording it."""

    def __enter__(self) -> Running: ...
    def __exit__(self, *_raised: object) -> None:
        """Records the time since, whether or not the block raised."""

    def __call__(self, function: _Function) -> _Function:
        """A function measured at each call: a coroutine until it is done, a generator until exhausted."""

class _Around:
    def __enter__(self) -> None: ...
    def __exit__(self, *raised: object) -> None: ...
    def __call__(self, function: _Function) -> _Function: ...

@final
class Snapshot:
    """Every family at one instant, over all threads and processes."""

    @property
    def families(self) -> list[Family]:
        """The families, sorted by name."""

    @property
    def health(self) -> dict[str, int]:
        """What the reader noticed about the directory, and what was not recorded, by name."""

    def family(self, name: str, /) -> Family | None:
        """Returns the family of that name, or None. A counter is found with and without ``_total``."""

    def value(self, name: str, /, **labels: object) -> float | None:
        """Returns the value of a counter's or gauge's series; None where nothing was recorded."""

    def timing(self, name: str, /, **labels: object) -> Timing | None:
        """Returns what a timer's series holds; None where nothing was recorded."""

@final
class Family:
    """All series of one metric at one instant."""

    @property
    def name(self) -> str:
        """The name it was recorded under: a counter's is without ``_total``."""

    @property
    def help(self) -> str:
        """The help text."""

    @property
    def kind(self) -> Literal["counter", "gauge", "timer"]:
        """``counter``, ``gauge`` or ``timer``."""

    @property
    def unit(self) -> Literal["", "seconds", "bytes"]:
        """The unit of a timer's observations: ``seconds`` or ``bytes``; empty for other kinds."""

    @property
    def label_names(self) -> list[str]:
        """The label names, in recorded order."""

    @property
    def series(self) -> list[tuple[tuple[str, ...], float | Timing]]:
        """The label values of each series and what it holds: a number, or a timer's ``Timing``."""

@final
class Timing:
    """Lifetime totals and the window of newest observations of one series."""

    @property
    def count(self) -> int:
        """The number of observations ever made."""

    @property
    def sum(self) -> float:
        """The sum of all observations ever made, in the family's unit."""

    @property
    def last(self) -> float | None:
        """The newest observation; None where the window is empty."""

    @property
    def window(self) -> memoryview[float]:
        """The newest observations, oldest first, as doubles: ``numpy.asarray`` takes it without a copy."""

    @property
    def buckets(self) -> list[tuple[float, int]]:
        """The number of observations up to each upper bound; the last bound is infinite.

        Empty for a timer without a histogram.
        """

    def quantile(self, q: float) -> float | None:
        """Returns the exact quantile of the window for ``q`` from 0 to 1; None where the window is empty.

        It is interpolated between its two neighbours in the sorted window, at the index ``q * (n - 1)``.
        """

@final
class Security:
    """What an endpoint asks of its clients: TLS, a secret, or both, read from files."""

    def __new__(
        cls,
        certfile: _Directory | None = None,
        keyfile: _Directory | None = None,
        auth: _Directory | None = None,
        client_cafile: _Directory | None = None,
    ) -> Security: ...
    def reload(self) -> None:
        """Reads the files again, each for itself.

        The last certificate stays in force where another cannot be read; without credentials that can be
        read, every request is refused.
        """

@final
class Server:
    """A running endpoint, on threads of its own, until it is closed."""

    def __new__(
        cls,
        port: int,
        addr: str = "0.0.0.0",
        *,
        registry: Registry | None = None,
        directory: _Directory | None = None,
        surfaces: Sequence[str] | None = None,
        security: Security | None = None,
        allowed_hosts: Sequence[str] | None = None,
    ) -> Server: ...
    @property
    def port(self) -> int | None:
        """The port that it listens on; None on a unix socket."""

    def close(self) -> None:
        """Stops serving. The port is free when this returns."""

    def __enter__(self) -> Server: ...
    def __exit__(self, *_raised: object) -> None: ...

@final
class Application:
    """What WSGI and ASGI applications ask."""

    def __new__(
        cls,
        *,
        registry: Registry | None = None,
        directory: _Directory | None = None,
        surfaces: Sequence[str] | None = None,
    ) -> Application: ...
    def answer(
        self, method: bytes, query: bytes, accept: bytes, accept_encoding: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Answers a request for the metrics: status, headers, body. 400 for what is no request."""

def content_type(format: _Format = "text") -> str:
    """Returns the ``Content-Type`` of a format: ``text``, ``openmetrics`` or ``protobuf``."""

def read(directory: _Directory) -> Snapshot:
    """Returns what the processes that record in a directory, and those that did, have recorded.

    Raises ``OSError`` where it cannot be read. A directory that does not exist is empty.
    """

@disjoint_base
class Collector:
    """Records what the Conductor SDK measures into a metrics directory.

    Records nothing until it is opened. No recording method raises.
    """

    def __new__(cls, *_arguments: object, **_keywords: object) -> Self: ...
    def __init__(self, *arguments: object, **keywords: object) -> None: ...
    _paused: bool
    def _open(
        self,
        directory: _Directory,
        window: int | None = None,
        max_series: int | None = None,
    ) -> None: ...
    def _families(
        self, surfaces: Sequence[str] | None = None, *, summaries: bool = False
    ) -> list[_Family]: ...
    def _windows(self) -> list[tuple[str, list[str], list[float]]]: ...
    def increment_task_poll(self, task_type: object) -> None: ...
    def increment_task_poll_error(self, task_type: object, exception: object) -> None: ...
    def increment_task_execution_started(self, task_type: object) -> None: ...
    def increment_task_execution_queue_full(self, task_type: object) -> None: ...
    def increment_uncaught_exception(self, exception: object = None) -> None: ...
    def increment_worker_restart(self, task_type: object) -> None: ...
    def increment_task_paused(self, task_type: object) -> None: ...
    def increment_task_execution_error(self, task_type: object, exception: object) -> None: ...
    def increment_task_ack_failed(self, task_type: object) -> None: ...
    def increment_task_ack_error(self, task_type: object, exception: object) -> None: ...
    def increment_task_update_error(self, task_type: object, exception: object) -> None: ...
    def increment_external_payload_used(
        self, entity_name: object, operation: object, payload_type: object
    ) -> None: ...
    def increment_workflow_start_error(self, workflow_type: object, exception: object) -> None: ...
    def measure_workflow_start_error(self, name: object, exception: object) -> None: ...
    def record_task_poll_time(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None: ...
    def record_task_execute_time(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None: ...
    def record_task_update_time(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None: ...
    def record_task_poll_time_histogram(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None: ...
    def record_task_execute_time_histogram(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None: ...
    def record_task_update_time_histogram(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None: ...
    def record_api_request_time(
        self,
        method: object,
        uri: object,
        status: object,
        time_spent: object,
        metric_uri: object = None,
    ) -> None: ...
    def record_task_result_payload_size(self, task_type: object, payload_size: object) -> None: ...
    def record_workflow_input_payload_size(
        self, workflow_type: object, version: object, payload_size: object
    ) -> None: ...
    def set_active_workers(self, task_type: object, count: object) -> None: ...

def text(
    directory: _Directory,
    surfaces: Sequence[str] | None = None,
    *,
    summaries: bool = False,
) -> str:
    """What the directory's segments say now, as Prometheus text."""

def retire(directory: _Directory) -> None:
    """Moves what dead processes left into the directory's totals, and removes their segments."""

def clear(directory: _Directory) -> int:
    """Removes what dead processes left, totals included. Gives how many segments."""

def multiprocess_files(directory: _Directory) -> list[tuple[str, bytes]]:
    """Names and used bytes of the files of ``prometheus_client`` that are believed."""

def shown_names() -> list[str]:
    """Every name that any surface gives to a family of the Conductor metrics."""

@final
class Provider:
    """Writes or serves a metrics directory on threads of its own. Python answers for families of others.

    Readable (``fileno``) where it has a question.
    """

    @staticmethod
    def file(
        directory: _Directory,
        path: _Directory,
        interval: float,
        surfaces: Sequence[str] | None = None,
        *,
        summaries: bool = False,
    ) -> Provider:
        """Writes the text to ``path`` every ``interval`` seconds."""

    @staticmethod
    def http(
        directory: _Directory,
        port: int,
        host: str = "127.0.0.1",
        surfaces: Sequence[str] | None = None,
        *,
        summaries: bool = False,
        security: Security | None = None,
        allowed_hosts: Sequence[str] | None = None,
    ) -> Provider:
        """Serves the text over HTTP."""

    def fileno(self) -> int:
        """Returns the descriptor to wait for."""

    def question(self) -> Path | None:
        """Returns the metrics directory of which the families of others are asked for, if they are."""

    def answer(self, families: list[_Family] | None) -> None:
        """Answers the question; with ``None`` the last answer holds."""

    def close(self) -> None:
        """Ends it."""

def take_log() -> list[tuple[str, str]]:
    """Returns what was logged since the last call: the names of a logger's methods, and texts."""

def command(arguments: list[str], guests: _Guests | None = None) -> int:
    """Runs the ``ictus`` command and returns its exit status.

    ``guests`` returns the families that others recorded in a directory.
    """
