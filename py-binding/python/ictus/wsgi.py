"""Measures the requests of a WSGI application, by route, method and status.

``TimingMiddleware`` finds the route of Flask by itself; for other frameworks, pass ``route``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ictus import _requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ictus import Registry

    _Environ = dict[str, Any]
    _Application = Callable[[Any, Any], Iterable[bytes]]

__all__ = ["TimingMiddleware"]


class TimingMiddleware:
    """A WSGI application that measures the requests of another one, and else behaves as that one.

    A request is measured until the server has taken the last part of the body, in the timer
    ``http_server_request_duration_seconds``; ``http_server_active_requests`` is the number of unfinished
    ones. ``route`` returns the route template of a request from its environment, or None. It is called when
    the response starts, or the application has failed. It must not return the path: each path would be a
    series.

        app.wsgi_app = TimingMiddleware(app.wsgi_app, registry=registry)  # Flask
        application = TimingMiddleware(application, registry=registry, route=lambda environ: ...)
    """

    def __init__(
        self,
        app: _Application,
        *,
        registry: Registry,
        route: Callable[[_Environ], str | None] | None = None,
    ) -> None:
        self.app = app
        self._route = flask_route if route is None else route
        self._metrics = _requests.RequestMetrics(registry)

    def __call__(self, environ: _Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answers a request."""
        response = _Response(self._metrics.begin(environ.get("REQUEST_METHOD")), self._route, environ)

        def start(*arguments: Any, **keywords: Any) -> Any:
            write = start_response(*arguments, **keywords)
            response.start(arguments[0] if arguments else keywords.get("status"))
            return write

        file_wrapper = environ.get("wsgi.file_wrapper")
        if file_wrapper is not None and not isinstance(file_wrapper, type):
            # The server recognizes the object that its function returned.
            def remember(*arguments: Any, **keywords: Any) -> Any:
                response.file = file_wrapper(*arguments, **keywords)
                return response.file

            environ["wsgi.file_wrapper"] = remember
        try:
            body = self.app(environ, start)
        except BaseException as raised:
            response.fail(raised)
            raise
        if type(body) in (list, tuple):
            response.end()
            return body
        if body is response.file or (isinstance(file_wrapper, type) and isinstance(body, file_wrapper)):
            response.end_at_close(body)
            return body
        return (_SizedBody if hasattr(type(body), "__len__") else _Body)(body, response)


def flask_route(environ: _Environ) -> str | None:
    """Returns the rule that Flask has found for a request."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return None if rule is None else rule.rule


class _Response:
    """The state of a response while it is sent."""

    def __init__(
        self, measurement: _requests.Measurement, route: Callable[[_Environ], str | None], environ: _Environ
    ) -> None:
        self._measurement = measurement
        self._route = route
        self._environ = environ
        self._started: tuple[int, str] | None = None
        self.file: Any = None

    def _find_route(self) -> str | None:
        return self._route(self._environ)

    def start(self, status: Any) -> None:
        # Flask forgets the request before the end of the body.
        self._started = _code(status), _requests.template(self._find_route)

    def end(self, status: int | None = None) -> None:
        if self._started is None:
            self._measurement.end(status, self._find_route)
        else:
            code, route = self._started
            self._measurement.end(code if status is None else status, lambda: route)

    def fail(self, raised: BaseException) -> None:
        left = isinstance(raised, GeneratorExit)
        self.end(_requests.CLIENT_CLOSED_REQUEST if left else _requests.SERVER_ERROR)

    def end_at_close(self, body: Any) -> None:
        """Ends the measurement when the server closes the body, which stays the same object."""
        close = getattr(body, "close", None)

        def close_and_end() -> None:
            try:
                if close is not None:
                    close()
            finally:
                self.end()

        try:
            body.close = close_and_end
        except (AttributeError, TypeError):  # An object of C.
            self.end()


def _code(status: Any) -> int:
    try:
        return int(status[:3])
    except (TypeError, ValueError):
        return 0


class _Body:
    """The body of a response, which ends the measurement with its last part."""

    def __init__(self, body: Iterable[bytes], response: _Response) -> None:
        self._body = body
        self._parts: Iterator[bytes] | None = None
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        try:
            self._parts = iter(self._body)
        except BaseException as raised:
            self._response.fail(raised)
            raise
        return self

    def __next__(self) -> bytes:
        try:
            if self._parts is None:
                self._parts = iter(self._body)
            return next(self._parts)
        except StopIteration:
            self._response.end()
            raise
        except BaseException as raised:
            self._response.fail(raised)
            raise

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            # Not all parts were taken: the client has left.
            self._response.end(_requests.CLIENT_CLOSED_REQUEST)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


class _SizedBody(_Body):
    """A body whose number of parts servers ask for."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]
