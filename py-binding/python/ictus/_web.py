"""The endpoint as a WSGI or ASGI application."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ictus._core import Application

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Sequence

    from ictus._core import Registry


_WSGI_NAMES = ("REQUEST_METHOD", "QUERY_STRING", "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING")


def make_wsgi_app(
    *,
    registry: Registry | None = None,
    directory: str | os.PathLike[str] | None = None,
    surfaces: Sequence[str] | None = None,
) -> Callable[..., list[bytes]]:
    """Returns a WSGI application that serves the metrics of a registry or a directory.

    It can be mounted at any path. ``surfaces`` selects the names of Conductor's metrics: ``legacy``,
    ``documented`` or ``canonical``. Raises ``OSError`` if the directory cannot be used, and ``ValueError``
    for unknown surfaces.
    """
    endpoint = Application(registry=registry, directory=directory, surfaces=surfaces)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        code, headers, body = endpoint.answer(*(_bytes(environ.get(name, "")) for name in _WSGI_NAMES))
        headers.append(("Content-Length", str(len(body))))
        start_response(f"{code} {HTTPStatus(code).phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return app


def make_asgi_app(
    *,
    registry: Registry | None = None,
    directory: str | os.PathLike[str] | None = None,
    surfaces: Sequence[str] | None = None,
) -> Callable[..., Awaitable[None]]:
    """Returns an ASGI application that serves the metrics of a registry or a directory.

    Arguments and errors are those of ``make_wsgi_app``.
    """
    endpoint = Application(registry=registry, directory=directory, surfaces=surfaces)

    async def app(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"metrics are served over http, not over {scope['type']}")
        request_headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            # A list that spans several headers is one list.
            key = bytes(name).lower()
            previous = request_headers.get(key)
            request_headers[key] = value if previous is None else previous + b"," + value
        # Reading files blocks, and must not block the event loop.
        code, headers, body = await asyncio.to_thread(
            endpoint.answer,
            _bytes(scope["method"]),
            scope.get("query_string", b""),
            request_headers.get(b"accept", b""),
            request_headers.get(b"accept-encoding", b""),
        )
        headers.append(("content-length", str(len(body))))
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": code, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


def _bytes(text: str) -> bytes:
    """Encodes text of a WSGI server. Invalid characters become ``?``; such a request gets status 400."""
    return text.encode("latin-1", "replace")


async def _lifespan(receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """Confirms the start and the end of the server, which need no action."""
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
