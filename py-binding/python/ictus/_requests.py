"""The metrics of HTTP requests, which the middlewares for WSGI, ASGI and Django share.

A client cannot create series: methods and statuses are fixed sets, and a route is a template of the
application. Every other value is ``_OTHER``.
"""

from __future__ import annotations

import contextlib
from time import perf_counter
from typing import TYPE_CHECKING

from ictus import _core, _log_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from ictus import Gauge, Registry

DURATION = "http_server_request_duration_seconds"
ACTIVE = "http_server_active_requests"
OTHER = "_OTHER"
METHODS = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"))
STATUSES = range(100, 600)
SERVER_ERROR = 500
CLIENT_CLOSED_REQUEST = 499
"""nginx's status of a request whose client did not wait for the response."""


class RequestMetrics:
    """The timer of finished requests and the gauge of active ones."""

    def __init__(self, registry: Registry) -> None:
        if not isinstance(registry, _core.Registry):
            raise TypeError(f"`registry` must be an ictus.Registry, not {registry!r}")
        self._durations = registry.timer(
            DURATION, "Duration of HTTP requests, to the end of the response.", ["method", "route", "status"]
        )
        self._active = registry.gauge(ACTIVE, "HTTP requests that are being answered.", ["method"])

    def begin(self, method: object) -> Measurement:
        """Starts the measurement of a request. Raises nothing."""
        label = method if isinstance(method, str) and method in METHODS else OTHER
        active = None
        try:
            active = self._active.labels(label)
            active.inc()
        except Exception as error:
            self.reject(error)
        return Measurement(self, label, active)

    def record(self, seconds: float, method: str, route: str, status: str) -> None:
        """Records a finished request."""
        # `labels` costs no more than a cache here would, and finds a series again that was removed.
        self._durations.labels(method, route, status).observe(seconds)

    def reject(self, error: Exception) -> None:
        """Logs and counts a measurement that failed."""
        _log_once.warning(f"a request was not recorded: {error!r}")
        with contextlib.suppress(Exception), self._durations.time():
            pass  # A measurement without labels is counted as rejected.


class Measurement:
    """The measurement of one request, which ends once."""

    __slots__ = ("_active", "_began", "_ended", "_method", "_metrics")

    def __init__(self, metrics: RequestMetrics, method: str, active: Gauge | None) -> None:
        self._metrics = metrics
        self._method = method
        self._active = active
        self._ended = False
        self._began = perf_counter()

    def end(self, status: int | None, route: Callable[[], object]) -> None:
        """Records the time since the start, unless the measurement has ended. Raises nothing.

        Without a status, the response was never started, which servers answer with 500.
        """
        if self._ended:
            return
        self._ended = True
        seconds = perf_counter() - self._began
        try:
            if self._active is not None:
                self._active.dec()
            if status is None:
                status = SERVER_ERROR
            # An `HTTPStatus` is an integer whose text is not a number in Python 3.10.
            shown = str(int(status)) if status in STATUSES else OTHER
            self._metrics.record(seconds, self._method, template(route), shown)
        except Exception as error:
            self._metrics.reject(error)


def template(route: Callable[[], object]) -> str:
    """Returns the route that the function finds, or ``_OTHER``."""
    try:
        result = route()
    except Exception as error:
        cause = "the route of a request is unknown"
        _log_once.warning(f"the route of a request is unknown: {error!r}", cause)
        return OTHER
    if result is None:
        return OTHER
    if not isinstance(result, str):
        given = type(result).__name__
        _log_once.warning(f"the route of a request is left out: it must be a string or None, not {given}")
        return OTHER
    return result
