"""The endpoint as an application for WSGI and ASGI servers."""

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
    """A WSGI application that shows a registry or a directory, wherever it is mounted."""
    shown = Application(registry=registry, directory=directory, surfaces=surfaces)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        code, headers, body = shown.answer(*(_bytes(environ.get(name, "")) for name in _WSGI_NAMES))
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
    """An ASGI application that shows a registry or a directory, wherever it is mounted."""
    shown = Application(registry=registry, directory=directory, surfaces=surfaces)

    async def app(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"metrics are shown over http, and not over {scope['type']}")
        asked: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            # A list that spans several headers is one list.
            key = bytes(name).lower()
            asked[key] = asked[key] + b"," + value if key in asked else value
        # Reading files blocks, and must not block the event loop.
        code, headers, body = await asyncio.to_thread(
            shown.answer,
            _bytes(scope["method"]),
            scope.get("query_string", b""),
            asked.get(b"accept", b""),
            asked.get(b"accept-encoding", b""),
        )
        headers.append(("content-length", str(len(body))))
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": code, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


def _bytes(text: str) -> bytes:
    """The bytes that a server made text of; what cannot be is no request, and is answered so."""
    return text.encode("latin-1", "replace")


async def _lifespan(receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """Nothing is to be done at the start and end of a server."""
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
