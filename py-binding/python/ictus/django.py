"""Measures the requests of a Django project, by route, method and status: needs Django 4.2 or newer.

In the settings, put the middleware first, and name the registry:

    MIDDLEWARE = ["ictus.django.timing_middleware", ...]
    ICTUS_REGISTRY = ictus.Registry("/run/shop/metrics")
"""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.decorators import sync_and_async_middleware

from ictus import _requests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

__all__ = ["timing_middleware"]


@sync_and_async_middleware
def timing_middleware(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A middleware that measures requests in the registry of the setting ``ICTUS_REGISTRY``.

    A request is measured to the end of the response, also of a streaming one, in the timer
    ``http_server_request_duration_seconds``; ``http_server_active_requests`` is the number of unfinished
    ones.
    """
    registry = getattr(settings, "ICTUS_REGISTRY", None)
    if registry is None:
        raise ImproperlyConfigured(
            "ictus.django.timing_middleware records in no registry: set ICTUS_REGISTRY to an ictus.Registry"
        )
    metrics = _requests.RequestMetrics(registry)
    if iscoroutinefunction(get_response):

        async def respond_async(request: Any) -> Any:
            running = _Request(metrics, request)
            try:
                response = await get_response(request)
            except BaseException as raised:
                running.fail(raised)
                raise
            running.end_with(response)
            return response

        return respond_async

    def respond(request: Any) -> Any:
        running = _Request(metrics, request)
        try:
            response = get_response(request)
        except BaseException as raised:
            running.fail(raised)
            raise
        running.end_with(response)
        return response

    return respond


class _Request:
    """A request that is measured."""

    def __init__(self, metrics: _requests.RequestMetrics, request: Any) -> None:
        self._request = request
        self._measurement = metrics.begin(request.method)
        self._status: Any = None

    def end(self, status: int | None = None) -> None:
        self._measurement.end(self._status if status is None else status, self._route)

    def fail(self, raised: BaseException) -> None:
        left = isinstance(raised, (CancelledError, GeneratorExit))
        self.end(_requests.CLIENT_CLOSED_REQUEST if left else _requests.SERVER_ERROR)

    def end_with(self, response: Any) -> None:
        """Ends the measurement with the response, at its last part if it is streamed. Raises nothing."""
        try:
            self._status = response.status_code
            if not response.streaming:
                self.end()
            elif getattr(response, "file_to_stream", None) is not None:
                # Servers send the file by a system call if the content stays the same.
                self._end_at_close(response)
            else:
                parts = _AsyncParts if response.is_async else _Parts
                response.streaming_content = parts(response.streaming_content, self)
        except Exception:
            self.end()

    def _end_at_close(self, response: Any) -> None:
        close = response.close

        def close_and_end() -> None:
            try:
                close()
            finally:
                self.end()

        response.close = close_and_end

    def _route(self) -> str | None:
        match = getattr(self._request, "resolver_match", None)
        if match is None:
            return None
        route: str = match.route
        # Patterns of `path` are written without the first slash.
        return route if route.startswith(("/", "^")) else f"/{route}"


class _Parts:
    """The content of a streaming response, which ends the measurement with its last part."""

    def __init__(self, parts: Iterator[bytes], request: _Request) -> None:
        self._parts = parts
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except StopIteration:
            self._request.end()
            raise
        except BaseException as raised:
            self._request.fail(raised)
            raise

    def close(self) -> None:
        # Django closes each response. Not all parts were taken: the client has left.
        self._request.end(_requests.CLIENT_CLOSED_REQUEST)


class _AsyncParts:
    """The content of a streaming response that is produced asynchronously."""

    def __init__(self, parts: AsyncIterator[bytes], request: _Request) -> None:
        self._parts = parts
        self._request = request

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._parts)
        except StopAsyncIteration:
            self._request.end()
            raise
        except BaseException as raised:
            self._request.fail(raised)
            raise

    def close(self) -> None:
        self._request.end(_requests.CLIENT_CLOSED_REQUEST)
