"""The native module: what the Rust side offers."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

__version__: str

Family = tuple[str, str, str, list[tuple[str, dict[str, str], float]]]
Guests = Callable[[Path], list[Family]]

class Collector:
    """Records what the Conductor SDK measures into a metrics directory.

    Records nothing until it is opened. No recording method raises.
    """

    def __init__(self, *arguments: object, **keywords: object) -> None: ...
    _paused: bool
    def _open(
        self,
        directory: str | os.PathLike[str],
        window: int | None = None,
        max_series: int | None = None,
    ) -> None: ...
    def _families(
        self, surfaces: Sequence[str] | None = None, *, summaries: bool = False
    ) -> list[tuple[str, str, str, list[tuple[str, dict[str, str], float]]]]: ...
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
    directory: str | os.PathLike[str],
    surfaces: Sequence[str] | None = None,
    *,
    summaries: bool = False,
) -> str:
    """What the directory's segments say now, as Prometheus text."""

def retire(directory: str | os.PathLike[str]) -> None:
    """Moves what dead processes left into the directory's totals, and removes their segments."""

def clear(directory: str | os.PathLike[str]) -> int:
    """Removes what dead processes left, totals included. Gives how many segments."""

def shown_names() -> list[str]:
    """Every name that any surface gives to a family of the Conductor metrics."""

def write_loop(
    directory: str | os.PathLike[str],
    path: str | os.PathLike[str],
    interval: float,
    surfaces: Sequence[str] | None = None,
    *,
    summaries: bool = False,
    guests: Guests | None = None,
) -> None:
    """Writes the text to ``path`` every ``interval`` seconds until a signal ends it.

    ``guests`` is asked for the families that others recorded in the directory, whenever it is read.
    """

def serve(
    directory: str | os.PathLike[str],
    port: int,
    host: str = "127.0.0.1",
    surfaces: Sequence[str] | None = None,
    *,
    summaries: bool = False,
    guests: Guests | None = None,
) -> None:
    """Serves the text over HTTP until a signal ends it; ``guests`` as in ``write_loop``."""

def command(arguments: list[str], guests: Guests | None = None) -> int:
    """Runs the ``ictus`` command and returns its exit status; ``guests`` as in ``write_loop``."""
