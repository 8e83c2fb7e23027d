"""The native module, written in Rust."""

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
    "Security",
    "Server",
    "Snapshot",
    "Timer",
    "TimerContext",
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
_UserFamilies = Callable[[Path], list[_Family]]
_Function = TypeVar("_Function", bound=Callable[..., Any])
_Format = Literal["text", "openmetrics", "protobuf"]
_Directory = str | os.PathLike[str]

@final
class Registry:
    """Creates, records and reads metrics, in memory or in a directory that processes share.

    ``directory`` is created if it does not exist. Without it, metrics stay in the memory of this
    process. The window of a timer has its ``window`` newest observations, by default 1,000, none older
    than ``max_age`` seconds. ``buckets`` are the upper bounds of its histogram, in seconds; an empty
    sequence disables it. A family has at most ``max_series`` series, by default 1,000. Further label
    sets share one series, whose label values are ``ictus_overflow``. A series that no process updates
    for ``expire_after`` seconds is removed. ``group`` is the id of the Unix group that may share the
    directory. With ``utf8_names``, names of metrics and labels may contain any characters; clients that
    do not support them get underscores instead. If an argument is not given, ``ICTUS_WINDOW`` and
    ``ICTUS_MAX_SERIES`` apply.

    A forked child records separately, in the same directory. Raises ``OSError`` if the directory cannot
    be used, ``ValueError`` for an option out of range, and ``TypeError`` for an option of another type.
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
        """Returns the counter with this name and these labels. Creates it if it does not exist.

        A ``_total`` at the end of ``name`` is removed, because the formats add it. Readers accept the name
        with and without it. ``help`` is the help text, and ``labels`` are the label names. Raises
        ``ValueError`` for a name that Prometheus does not accept, and if a family of that name has another
        kind.
        """

    def gauge(self, name: str, help: str = "", labels: Sequence[str] = ()) -> Gauge:
        """Returns the gauge with this name and these labels. Creates it if it does not exist.

        Its value is the sum over the running processes. Arguments and errors are those of ``counter``.
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
        """Returns the timer with this name and these labels. Creates it if it does not exist.

        A timer records durations in seconds. ``name``, ``help``, ``labels`` and errors are those of
        ``counter``. The other arguments override the registry's options for this timer: ``window`` in
        observations, ``max_age`` and ``expire_after`` in seconds, ``max_series``, and ``buckets`` in
        seconds.
        """

    def snapshot(self) -> Snapshot:
        """Returns the recorded data of this process, or of all processes of the directory.

        Raises ``OSError`` if the directory cannot be read.
        """

    def render(
        self,
        format: _Format = "text",
        *,
        surfaces: Sequence[str] | None = None,
        native: bool = False,
        utf8_names: bool = False,
    ) -> bytes:
        """Returns the metrics as bytes in the format ``text``, ``openmetrics`` or ``protobuf``.

        ``surfaces`` selects the names of Conductor's metrics: ``legacy``, ``documented`` or ``canonical``.
        ``native`` adds native histograms to protobuf. ``utf8_names`` writes names with any characters
        unchanged, in quotes, for clients that request ``escaping=allow-utf-8``. ``ictus.content_type``
        returns the content type of a format. Raises ``OSError`` if the directory cannot be read, and
        ``ValueError`` for an unknown format or surface.
        """

    def remove_idle(self, seconds: float) -> int:
        """Removes the series that no process has updated for ``seconds``.

        Returns the number of removed series of this process. Raises ``ValueError`` for a negative number.
        """

    def _families(self) -> list[_Family]: ...
    def __copy__(self) -> Registry: ...
    def __deepcopy__(self, _memo: object) -> Registry: ...

@final
class Counter:
    """A total that only increases. If the family has labels, record on a child: see ``labels``."""

    def labels(self, *values: object, **named: object) -> Counter:
        """Returns the child that records the series with these label values, by position or by name.

        A label value can be any object, whose ``str`` is used. In hot loops, store the child. Raises
        ``TypeError`` if the labels are not those of the family.
        """

    def remove(self, *values: object) -> bool:
        """Removes the series with these label values. Returns whether it existed.

        Existing children of this series record nothing from then on.
        """

    @property
    def name(self) -> str:
        """The family's name, without ``_total``."""

    @property
    def label_names(self) -> list[str]:
        """The family's label names, in order."""

    def inc(self, amount: float = 1) -> None:
        """Adds ``amount`` to the total. A negative or non-finite amount is rejected and counted.

        Raises ``ValueError`` on a family with labels: call ``labels`` first.
        """

    def count_exceptions(
        self, exception: type[BaseException] | tuple[type[BaseException], ...] | None = None
    ) -> _Block:
        """Counts the exceptions that leave a ``with`` block or a decorated function.

        ``exception`` is a class or a tuple of classes; by default, ``Exception``.
        """

    def __copy__(self) -> Counter: ...
    def __deepcopy__(self, _memo: object) -> Counter: ...

@final
class Gauge:
    """A value that can increase and decrease. If the family has labels, record on a child: see ``labels``."""

    def labels(self, *values: object, **named: object) -> Gauge:
        """Returns the child that records the series with these label values, by position or by name.

        A label value can be any object, whose ``str`` is used. In hot loops, store the child. Raises
        ``TypeError`` if the labels are not those of the family.
        """

    def remove(self, *values: object) -> bool:
        """Removes the series with these label values. Returns whether it existed.

        Existing children of this series record nothing from then on.
        """

    @property
    def name(self) -> str:
        """The family's name."""

    @property
    def label_names(self) -> list[str]:
        """The family's label names, in order."""

    def set(self, value: float) -> None:
        """Sets this process's value. A non-finite value is rejected and counted.

        Raises ``ValueError`` on a family with labels: call ``labels`` first.
        """

    def inc(self, amount: float = 1) -> None:
        """Adds ``amount`` to this process's value. Errors are those of ``set``."""

    def dec(self, amount: float = 1) -> None:
        """Subtracts ``amount`` from this process's value. Errors are those of ``set``."""

    def track_inprogress(self) -> _Block:
        """Adds one while a ``with`` block or a decorated function runs."""

    def __copy__(self) -> Gauge: ...
    def __deepcopy__(self, _memo: object) -> Gauge: ...

@final
class Timer:
    """Durations in seconds: exact quantiles of the newest, and lifetime count, sum and histogram.

    If the family has labels, record on a child: see ``labels``.
    """

    def labels(self, *values: object, **named: object) -> Timer:
        """Returns the child that records the series with these label values, by position or by name.

        A label value can be any object, whose ``str`` is used. In hot loops, store the child. Raises
        ``TypeError`` if the labels are not those of the family.
        """

    def remove(self, *values: object) -> bool:
        """Removes the series with these label values. Returns whether it existed.

        Existing children of this series record nothing from then on.
        """

    @property
    def name(self) -> str:
        """The family's name."""

    @property
    def label_names(self) -> list[str]:
        """The family's label names, in order."""

    def observe(self, seconds: float, exemplar: str | None = None) -> None:
        """Records a duration in seconds. A negative or non-finite one is rejected and counted.

        ``exemplar`` is the id of the observation's trace. Raises ``ValueError`` on a family with labels:
        call ``labels`` first.
        """

    def time(self) -> TimerContext:
        """Returns a context manager and decorator that records the duration of a block, or of each call.

        A coroutine is measured until it is done, a generator until it is exhausted.
        """

    def __copy__(self) -> Timer: ...
    def __deepcopy__(self, _memo: object) -> Timer: ...

@final
class TimerContext:
    """A measurement of one ``with`` block, or of each call of a decorated function.

    The end of a measurement raises nothing. If it has no label values, it is counted as rejected and
    logged.
    """

    def labels(self, *values: object, **named: object) -> None:
        """Sets the label values of this measurement. Use this if they are known only at its end.

        Raises ``TypeError`` if the labels are not those of the family.
        """

    def discard(self) -> None:
        """Ends the measurement without recording it."""

    def __enter__(self) -> TimerContext: ...
    def __exit__(self, *_raised: object) -> None:
        """Records the duration, whether or not the block raised."""

    def __call__(self, function: _Function) -> _Function:
        """Returns the function with a measurement of each call."""

class _Block:
    def __enter__(self) -> None: ...
    def __exit__(self, *raised: object) -> None: ...
    def __call__(self, function: _Function) -> _Function: ...

@final
class Snapshot:
    """All families at one instant, with the data of all threads and processes."""

    @property
    def families(self) -> list[Family]:
        """The families, sorted by name."""

    @property
    def health(self) -> dict[str, int]:
        """Counts by name: segments and bytes of the directory, and rejected observations."""

    def family(self, name: str, /) -> Family | None:
        """Returns the family of that name, or None. A counter's name may end with ``_total``."""

    def value(self, name: str, /, **labels: object) -> float | None:
        """Returns the value of a series of a counter or gauge, or None if nothing was recorded.

        Raises ``TypeError`` for a timer, and if the labels are not those of the family.
        """

    def timing(self, name: str, /, **labels: object) -> Timing | None:
        """Returns the data of a timer's series, or None if nothing was recorded.

        Raises ``TypeError`` if the family is no timer, and if the labels are not those of the family.
        """

@final
class Family:
    """All series of one metric at one instant."""

    @property
    def name(self) -> str:
        """The recorded name. The name of a counter has no ``_total``."""

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
        """A list of pairs: the label values of a series, and its number or, for a timer, its ``Timing``."""

@final
class Timing:
    """Lifetime totals and the window of newest observations of one series."""

    @property
    def count(self) -> int:
        """The number of all observations, including those no longer in the window."""

    @property
    def sum(self) -> float:
        """The sum of all observations, in the family's unit."""

    @property
    def last(self) -> float | None:
        """The newest observation, or None if the window is empty."""

    @property
    def window(self) -> memoryview[float]:
        """The newest observations, oldest first: a read-only view of doubles for ``numpy.asarray``."""

    @property
    def buckets(self) -> list[tuple[float, int]]:
        """Pairs of an upper bound and the number of observations up to it. The last bound is infinite.

        Empty for a timer without a histogram.
        """

    def quantile(self, q: float) -> float | None:
        """Returns the exact quantile ``q`` of the window, or None if the window is empty.

        It is interpolated linearly between two values of the sorted window, at the index ``q * (n - 1)``.
        Raises ``ValueError`` unless ``q`` is from 0 to 1.
        """

@final
class Security:
    """TLS and authentication of an endpoint, read from files."""

    def __new__(
        cls,
        certfile: _Directory | None = None,
        keyfile: _Directory | None = None,
        auth: _Directory | None = None,
        client_cafile: _Directory | None = None,
    ) -> Security: ...
    def reload(self) -> None:
        """Reads the files again.

        If a new certificate cannot be read, the last one stays in force. If the credentials cannot be read,
        the endpoint rejects every request.
        """

@final
class Server:
    """A running HTTP endpoint. It runs on separate threads until ``close()``."""

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
        """The port that the endpoint listens on; None for a unix socket."""

    def close(self) -> None:
        """Stops serving. The port is free when this returns."""

    def __enter__(self) -> Server: ...
    def __exit__(self, *_raised: object) -> None: ...

@final
class Application:
    """The endpoint behind WSGI and ASGI applications."""

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
        """Returns the status, the headers and the body for a request. An invalid request gets status 400."""

def content_type(format: _Format = "text") -> str:
    """Returns the ``Content-Type`` of a format: ``text``, ``openmetrics`` or ``protobuf``.

    Raises ``ValueError`` for another format.
    """

def read(directory: _Directory) -> Snapshot:
    """Returns the data that all processes, running and ended, have recorded in a directory.

    A directory that does not exist is empty. Raises ``OSError`` if the directory cannot be read.
    """

@disjoint_base
class Collector:
    """Records the metrics of the Conductor SDK in a metrics directory.

    It records nothing until ``_open``. No recording method raises an ``Exception``.
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
    def increment_task_poll(self, task_type: object) -> None:
        """Counts a poll of a task type."""

    def increment_task_poll_error(self, task_type: object, exception: object) -> None:
        """Counts a failed poll by its exception."""

    def increment_task_execution_started(self, task_type: object) -> None:
        """Counts the start of an execution."""

    def increment_task_execution_queue_full(self, task_type: object) -> None:
        """Counts a time at which all threads of a worker were busy."""

    def increment_uncaught_exception(self, exception: object = None) -> None:
        """Counts an exception that no handler of a thread caught."""

    def increment_worker_restart(self, task_type: object) -> None:
        """Counts a restart of a worker process."""

    def increment_task_paused(self, task_type: object) -> None:
        """Counts a poll that was left out because its worker is paused."""

    def increment_task_execution_error(self, task_type: object, exception: object) -> None:
        """Counts a failed execution by its exception."""

    def increment_task_ack_failed(self, task_type: object) -> None:
        """Counts an acknowledgement that the server refused."""

    def increment_task_ack_error(self, task_type: object, exception: object) -> None:
        """Counts a failed acknowledgement by its exception."""

    def increment_task_update_error(self, task_type: object, exception: object) -> None:
        """Counts a failed update of a task by its exception."""

    def increment_external_payload_used(
        self, entity_name: object, operation: object, payload_type: object
    ) -> None:
        """Counts a use of external payload storage."""

    def increment_workflow_start_error(self, workflow_type: object, exception: object) -> None:
        """Counts a workflow that could not be started, by its exception."""

    def measure_workflow_start_error(self, name: object, exception: object) -> None:
        """Calls ``increment_workflow_start_error``, overridden or not."""

    def record_task_poll_time(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None:
        """Records the duration of a poll in seconds."""

    def record_task_execute_time(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None:
        """Records the duration of an execution in seconds."""

    def record_task_update_time(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None:
        """Records the duration of an update of a task in seconds."""

    def record_task_poll_time_histogram(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None:
        """Records the duration of a poll in seconds, as ``record_task_poll_time`` does."""

    def record_task_execute_time_histogram(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None:
        """Records the duration of an execution in seconds, as ``record_task_execute_time`` does."""

    def record_task_update_time_histogram(
        self, task_type: object, time_spent: object, status: object = "SUCCESS"
    ) -> None:
        """Records the duration of an update in seconds, as ``record_task_update_time`` does."""

    def record_api_request_time(
        self,
        method: object,
        uri: object,
        status: object,
        time_spent: object,
        metric_uri: object = None,
    ) -> None:
        """Records the duration of a request to the server in seconds.

        The label is the template if the caller has one, otherwise the path.
        """

    def record_task_result_payload_size(self, task_type: object, payload_size: object) -> None:
        """Records the size of a task's result in bytes."""

    def record_workflow_input_payload_size(
        self, workflow_type: object, version: object, payload_size: object
    ) -> None:
        """Records the size of a workflow's input in bytes.

        A ``version`` of None is recorded as absent, which is not the same as empty.
        """

    def set_active_workers(self, task_type: object, count: object) -> None:
        """Sets the number of threads of this process that execute a task of this type."""

    @staticmethod
    def _note_class_change() -> None: ...
    def on_poll_completed(self, event: object) -> None:
        """Records the event of a poll that has ended."""

    def on_poll_failure(self, event: object) -> None:
        """Records the event of a failed poll."""

    def on_task_execution_started(self, event: object) -> None:
        """Records the event of a started execution."""

    def on_task_execution_completed(self, event: object) -> None:
        """Records the event of an execution that has ended."""

    def on_task_execution_failure(self, event: object) -> None:
        """Records the event of a failed execution."""

def text(
    directory: _Directory,
    surfaces: Sequence[str] | None = None,
    *,
    summaries: bool = False,
) -> str:
    """Returns the metrics of the directory in the Prometheus text format."""

def retire(directory: _Directory) -> None:
    """Moves the data of ended processes into the directory's totals, and removes their segments."""

def clear(directory: _Directory) -> int:
    """Removes the data of ended processes, including totals. Returns the number of removed segments."""

def multiprocess_files(directory: _Directory) -> list[tuple[str, bytes]]:
    """Returns names and used bytes of the trusted files of ``prometheus_client``."""

def shown_names() -> list[str]:
    """Returns the names of the Conductor metrics on all surfaces."""

@final
class Provider:
    """Writes or serves the metrics of a directory on separate threads.

    Its requests ask Python for the families that programs recorded with ``prometheus_client``. The
    descriptor of ``fileno`` is readable while a request waits.
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
        """Returns the descriptor that is readable while a request waits.

        Raises ``OSError`` after the program has closed it.
        """

    def question(self) -> Path | None:
        """Returns the metrics directory of the next waiting request, or None."""

    def answer(self, families: list[_Family] | None) -> None:
        """Responds to the request. ``None`` means that the families could not be read: the last ones stay."""

    def close(self) -> None:
        """Stops the sink and its threads."""

def take_log() -> list[tuple[str, str]]:
    """Returns the records logged since the last call, as pairs of a logger's method and a text."""

def command(arguments: list[str], user_families: _UserFamilies | None = None) -> int:
    """Runs the ``ictus`` command and returns its exit status.

    ``user_families`` returns the families that programs recorded in a directory with
    ``prometheus_client``.
    """
