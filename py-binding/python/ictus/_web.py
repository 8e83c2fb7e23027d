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


def make_wsgi_app(
    *,
    registry: Registry | None = None,
    directory: str | os.PathLike[str] | None = None,
    surfaces: Sequence[str] | None = None,
) -> Callable[..., list[bytes]]:
    """A WSGI application that shows a registry or a directory, wherever it is mounted."""
    shown = Application(registry=registry, directory=directory, surfaces=surfaces)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        method = environ["REQUEST_METHOD"]
        code, headers, body = shown.answer(
            method,
            environ.get("QUERY_STRING", ""),
            environ.get("HTTP_ACCEPT", ""),
            environ.get("HTTP_ACCEPT_ENCODING", ""),
        )
        headers.append(("Content-Length", str(len(body))))
        start_response(f"{code} {HTTPStatus(code).phrase}", headers)
        return [] if method == "HEAD" else [body]

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
        asked = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        # Reading files blocks, and the event loop must not wait.
        code, headers, body = await asyncio.to_thread(
            shown.answer,
            scope["method"],
            scope["query_string"].decode("latin-1"),
            asked.get("accept", ""),
            asked.get("accept-encoding", ""),
        )
        headers.append(("content-length", str(len(body))))
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": code, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


async def _lifespan(receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """Nothing is to be done at the start and end of a server."""
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
