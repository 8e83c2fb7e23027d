"""The addresses of the Django project of the tests."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def show(_: Any, **__: Any) -> HttpResponse:
    return HttpResponse("shown")


async def awaited(_: Any) -> HttpResponse:
    return HttpResponse("shown")


def fails(_: Any) -> HttpResponse:
    raise KeyError


def stream(_: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(part for part in ("a", "b"))


def broken_stream(_: Any) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        yield "a"
        raise LookupError("in the stream")

    return StreamingHttpResponse(parts())


async def awaited_stream(_: Any) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(0)
        yield "b"

    return StreamingHttpResponse(parts())


async def endless_stream(_: Any) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        while True:
            yield "a"
            await asyncio.sleep(0.001)

    return StreamingHttpResponse(parts())


def file(_: Any) -> FileResponse:
    return FileResponse(io.BytesIO(b"file"), content_type="text/plain")


urlpatterns = [
    path("", show),
    path("orders/<int:order>", show),
    path("api/", include([re_path(r"^v(?P<version>\d+)/$", show)])),
    path("awaited", awaited),
    path("fails", fails),
    path("stream", stream),
    path("broken-stream", broken_stream),
    path("awaited-stream", awaited_stream),
    path("endless-stream", endless_stream),
    path("file", file),
]
