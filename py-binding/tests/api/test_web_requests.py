"""Tests the middlewares that time requests and tasks, within this process."""

from __future__ import annotations

import asyncio
import io
import logging
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import celery
import django
import flask
import pytest
import starlette
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Host, Mount, Route
from starlette.staticfiles import StaticFiles

import ictus
from ictus import _log_once, asgi, wsgi
from ictus.celery import time_tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from pathlib import Path

DURATION = "http_server_request_duration_seconds"
ACTIVE = "http_server_active_requests"


@pytest.fixture
def registry() -> ictus.Registry:
    return ictus.Registry()


def counts(registry: ictus.Registry) -> dict[tuple[str, ...], int]:
    """Returns the number of requests by method, route and status."""
    family = registry.snapshot().family(DURATION)
    assert family is None or family.label_names == ["method", "route", "status"]
    series: list[Any] = [] if family is None else family.series
    return {labels: timing.count for labels, timing in series}


def active(registry: ictus.Registry) -> float:
    family = registry.snapshot().family(ACTIVE)
    assert family is not None
    series: list[Any] = family.series
    return float(sum(value for _, value in series))


def rejected(registry: ictus.Registry) -> int:
    return registry.snapshot().health["observations_rejected_unlabelled"]


# ASGI


class Exchange:
    """A request to an ASGI application, and what the application sends."""

    def __init__(self, path: str = "/", method: str = "GET", *, leave_after: int | None = None) -> None:
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(b"host", b"shop.example")],
        }
        self.sent: list[Any] = []
        self.received = 0
        self.leave_after = leave_after
        self.has_left = asyncio.Event()

    async def receive(self) -> Any:
        self.received += 1
        if self.received == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if len(self.sent) == self.leave_after:
            self.has_left.set()

    async def run(self, app: Any) -> int:
        await app(self.scope, self.receive, self.send)
        status: int = self.sent[0]["status"]
        return status


def ask(app: Any, path: str = "/", method: str = "GET", *, leave_after: int | None = None) -> int:
    async def run() -> int:
        return await Exchange(path, method, leave_after=leave_after).run(app)

    return asyncio.run(run())


async def done(_: Any) -> PlainTextResponse:
    return PlainTextResponse("done")


def shop(folder: Path) -> FastAPI:
    """Returns an application with routers in routers and applications in applications."""
    items = APIRouter(prefix="/items/{shelf}")

    @items.get("/{item}")
    async def item(shelf: str, item: str) -> str:
        return shelf + item

    catalog = APIRouter(prefix="/catalog")
    catalog.include_router(items)
    catalog.add_route("/plain/{name}", done)
    tenant = FastAPI()

    @tenant.get("/orders/{order}")
    def order(order: int) -> int:
        return order

    tenant.include_router(catalog, prefix="/{region}")
    deep = [Route("/", done), Route("/{leaf:path}", done)]
    classic = Starlette(
        routes=[
            Route("/", done),
            Route("/jobs/{job:int}", done, methods=["GET"]),
            Route("/jobs/{job:int}", done, methods=["PUT"]),
            Mount("/deep/{level}", routes=deep),
        ]
    )
    app = FastAPI()

    @app.get("/")
    async def index() -> str:
        return "index"

    @app.get("/fails/{way}")
    async def fails(way: str) -> None:
        raise KeyError(way)

    @app.get("/moved/", status_code=HTTPStatus.ACCEPTED)
    async def moved() -> str:
        return "moved"

    app.include_router(catalog, prefix="/v1")
    app.mount("/tenants/{tenant}", tenant)
    app.mount("/classic", CORSMiddleware(classic))
    app.mount("/static", StaticFiles(directory=folder))
    app.router.routes.append(Host("{name}.host.example", app=classic))
    return app


ASKED = {
    ("GET", "/"): ("/", 200),
    ("GET", "/v1/catalog/items/top/7"): ("/v1/catalog/items/{shelf}/{item}", 200),
    ("POST", "/v1/catalog/items/top/7"): ("/v1/catalog/items/{shelf}/{item}", 405),
    ("GET", "/tenants/acme/orders/3"): ("/tenants/{tenant}/orders/{order}", 200),
    ("GET", "/tenants/acme/orders/none"): ("/tenants/{tenant}/orders/{order}", 422),
    ("GET", "/tenants/acme/eu/catalog/items/a/b"): (
        "/tenants/{tenant}/{region}/catalog/items/{shelf}/{item}",
        200,
    ),
    ("GET", "/tenants/acme/other"): ("_OTHER", 404),
    ("GET", "/classic/"): ("/classic/", 200),
    ("GET", "/classic/jobs/7"): ("/classic/jobs/{job:int}", 200),
    ("PUT", "/classic/jobs/7"): ("/classic/jobs/{job:int}", 200),
    ("GET", "/classic/deep/3/"): ("/classic/deep/{level}/", 200),
    ("GET", "/classic/deep/3/a/b"): ("/classic/deep/{level}/{leaf:path}", 200),
    ("GET", "/classic/none"): ("_OTHER", 404),
    ("GET", "/static/file"): ("/static", 200),
    ("GET", "/static/none"): ("/static", 404),
    ("GET", "/docs"): ("/docs", 200),
    ("GET", "/moved/"): ("/moved/", 202),
    ("GET", "/moved"): ("_OTHER", 307),
    ("GET", "/none"): ("_OTHER", 404),
    ("BREW", "/"): ("/", 405),
}


@pytest.mark.parametrize("position", ["first", "last", "around", "in_router"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_routes_of_starlette_are_templates(registry: ictus.Registry, tmp_path: Path, position: str) -> None:
    (tmp_path / "file").write_text("file", encoding="utf-8")
    app: Any = shop(tmp_path)

    async def unchanged(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    if position == "last":
        app.add_middleware(asgi.TimingMiddleware, registry=registry)
    app.add_middleware(BaseHTTPMiddleware, dispatch=unchanged)
    if position == "first":
        app.add_middleware(asgi.TimingMiddleware, registry=registry)
    elif position == "around":
        app = asgi.TimingMiddleware(app, registry=registry)
    elif position == "in_router":
        # The application is itself mounted, where routes are those of this application.
        app.add_middleware(asgi.TimingMiddleware, registry=registry)
        outer = Starlette(routes=[Mount("/at/{place}", app=app)])
        app = outer
    prefix = "/at/here" if position == "in_router" else ""
    expected: dict[tuple[str, ...], int] = {}
    for (method, path), (route, status) in ASKED.items():
        assert ask(app, prefix + path, method) == status, (method, path)
        key = (method if method != "BREW" else "_OTHER", route, str(status))
        expected[key] = expected.get(key, 0) + 1
        assert counts(registry) == expected, (method, path)
    assert active(registry) == 0


def test_hosts_of_starlette_have_routes(registry: ictus.Registry) -> None:
    inner = Starlette(routes=[Route("/jobs/{job}", done)])
    app = Starlette(
        routes=[Host("shop.example", app=inner)],
        middleware=[Middleware(asgi.TimingMiddleware, registry=registry)],
    )
    assert ask(app, "/jobs/7") == 200
    assert counts(registry) == {("GET", "/jobs/{job}", "200"): 1}


def is_old_starlette() -> bool:
    """Returns whether the path is expected without the root path, unlike servers send it."""
    return starlette.__version__.split(".") < ["0", "33"]


def test_root_path_of_a_proxy_is_not_part_of_a_route(registry: ictus.Registry) -> None:
    app = FastAPI()
    app.mount("/classic", Starlette(routes=[Route("/jobs/{job}", done)]))
    app.add_route("/own/{one}", done)
    app.add_middleware(asgi.TimingMiddleware, registry=registry)

    async def proxied(path: str) -> int:
        exchange = Exchange(path)
        exchange.scope["root_path"] = "/proxy"
        return await exchange.run(app)

    prefix = "" if is_old_starlette() else "/proxy"
    for path in ("/classic/jobs/7", "/own/1"):
        assert asyncio.run(proxied(prefix + path)) == 200
    assert counts(registry) == {("GET", "/classic/jobs/{job}", "200"): 1, ("GET", "/own/{one}", "200"): 1}


@pytest.mark.parametrize("position", ["within", "around"])
@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
def test_root_path_of_fastapi_is_not_part_of_a_route(registry: ictus.Registry, position: str) -> None:
    app: Any = FastAPI(root_path="/proxy")
    app.mount("/classic", Starlette(routes=[Route("/jobs/{job}", done)]))
    app.add_route("/own/{one}", done)
    if position == "within":
        app.add_middleware(asgi.TimingMiddleware, registry=registry)
    else:
        app = asgi.TimingMiddleware(app, registry=registry)
    prefix = "" if is_old_starlette() else "/proxy"
    for path in ("/classic/jobs/7", "/own/1"):
        assert ask(app, prefix + path) == 200
    assert counts(registry) == {("GET", "/classic/jobs/{job}", "200"): 1, ("GET", "/own/{one}", "200"): 1}


def test_routes_that_fastapi_includes_are_complete(registry: ictus.Registry) -> None:
    """Routes and applications of Starlette in a router, in a router."""
    app, outer, inner = FastAPI(), APIRouter(), APIRouter()
    inner.add_route("/plain/{name}", done)
    inner.mount("/mount/{name}", Starlette(routes=[Route("/{leaf}", done)]))
    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix="/{one}")
    app.add_middleware(asgi.TimingMiddleware, registry=registry)
    assert ask(app, "/1/inner/plain/x") == 200
    expected = {("GET", "/{one}/inner/plain/{name}", "200"): 1}
    # Older releases of FastAPI do not include mounted applications.
    if ask(app, "/1/inner/mount/x/y") == 200:
        expected["GET", "/{one}/inner/mount/{name}/{leaf}", "200"] = 1
    else:
        expected["GET", "_OTHER", "404"] = 1
    assert counts(registry) == expected


def test_exceptions_of_asgi_applications_pass_unchanged(registry: ictus.Registry) -> None:
    raised = LookupError("unchanged")

    async def early(*_: Any) -> None:
        raise raised

    async def late(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise raised

    async def after(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b"all"})
        raise raised

    for app in (early, late, after):
        with pytest.raises(LookupError) as caught:
            ask(asgi.TimingMiddleware(app, registry=registry))
        assert caught.value is raised
        assert caught.value.__context__ is None
    assert counts(registry) == {("GET", "_OTHER", "500"): 2, ("GET", "_OTHER", "201"): 1}
    assert active(registry) == 0


def test_exception_of_a_handler_counts_for_its_route(registry: ictus.Registry, tmp_path: Path) -> None:
    app = shop(tmp_path)
    app.add_middleware(asgi.TimingMiddleware, registry=registry)
    with pytest.raises(KeyError, match="hard"):
        ask(app, "/fails/hard")
    assert counts(registry) == {("GET", "/fails/{way}", "500"): 1}


def test_response_that_was_never_started_is_an_error(registry: ictus.Registry) -> None:
    async def silent(*_: Any) -> None:
        pass

    with pytest.raises(IndexError):
        ask(asgi.TimingMiddleware(silent, registry=registry))
    assert counts(registry) == {("GET", "_OTHER", "500"): 1}


def test_streaming_response_is_measured_to_its_end_without_background_tasks(registry: ictus.Registry) -> None:
    seen: list[tuple[float, int]] = []

    def look() -> None:
        seen.append((active(registry), sum(counts(registry).values())))

    async def parts() -> AsyncIterator[str]:
        for _ in range(3):
            look()
            yield "part"
            await asyncio.sleep(0.02)

    async def stream(_: Any) -> StreamingResponse:
        return StreamingResponse(parts(), background=BackgroundTask(look))

    app = Starlette(routes=[Route("/stream", stream)])
    app.add_middleware(asgi.TimingMiddleware, registry=registry)
    assert ask(app, "/stream") == 200
    assert seen == [(1, 0)] * 3 + [(0, 1)]
    timing = registry.snapshot().timing(DURATION, method="GET", route="/stream", status="200")
    assert timing is not None
    assert timing.sum >= 0.06


def test_clients_of_asgi_that_leave_have_a_status_of_their_own(registry: ictus.Registry) -> None:
    async def parts() -> AsyncIterator[str]:
        while True:
            yield "part"
            await asyncio.sleep(0.001)

    async def stream(_: Any) -> StreamingResponse:
        return StreamingResponse(parts())

    app = Starlette(routes=[Route("/stream", stream)])
    app.add_middleware(asgi.TimingMiddleware, registry=registry)
    ask(app, "/stream", leave_after=2)
    assert counts(registry) == {("GET", "/stream", "499"): 1}

    async def refuse(_: Any) -> None:
        raise OSError

    async def without_client() -> None:
        exchange = Exchange("/stream")
        exchange.scope["asgi"] = {"version": "3.0", "spec_version": "2.4"}
        await app(exchange.scope, exchange.receive, refuse)

    with pytest.raises(Exception) as raised:  # noqa: PT011
        asyncio.run(without_client())
    assert "KeyboardInterrupt" not in repr(raised.value)
    assert counts(registry) == {("GET", "/stream", "499"): 2}

    async def cancelled() -> None:
        exchange = Exchange("/stream")
        task = asyncio.ensure_future(exchange.run(app))
        while len(exchange.sent) < 3:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert counts(registry) == {("GET", "/stream", "499"): 3}

    async def closed() -> None:
        async def waits(*_: Any) -> None:
            await asyncio.sleep(60)

        exchange = Exchange()
        running = asgi.TimingMiddleware(waits, registry=registry)(
            exchange.scope, exchange.receive, exchange.send
        )
        running.send(None)
        running.close()

    asyncio.run(closed())
    assert counts(registry)["GET", "_OTHER", "499"] == 1
    assert active(registry) == 0


def test_events_that_are_not_requests_pass_through(registry: ictus.Registry) -> None:
    passed: list[Any] = []

    async def app(*arguments: Any) -> None:
        passed.append(arguments)

    async def receive() -> Any: ...
    async def send(_: Any) -> None: ...

    for kind in ("websocket", "lifespan", "another"):
        scope = {"type": kind, "path": "/"}
        asyncio.run(asgi.TimingMiddleware(app, registry=registry)(scope, receive, send))
        given, *rest = passed.pop()
        assert given is scope
        assert rest == [receive, send]
    assert counts(registry) == {}


def test_messages_of_asgi_pass_unchanged(registry: ictus.Registry) -> None:
    messages: list[dict[str, Any]] = [
        {"type": "http.response.debug", "info": {}},
        {"type": "http.response.start", "status": 203, "headers": [], "trailers": True},
        {"type": "http.response.body", "body": b"part", "more_body": True},
        {"type": "http.response.body"},
        {"type": "http.response.trailers", "headers": []},
    ]

    async def app(_: Any, receive: Any, send: Any) -> None:
        assert await receive() == {"type": "http.request", "body": b"", "more_body": False}
        for message in messages:
            await send(message)

    async def run() -> list[Any]:
        exchange = Exchange()
        await asgi.TimingMiddleware(app, registry=registry)(exchange.scope, exchange.receive, exchange.send)
        return exchange.sent

    sent = asyncio.run(run())
    assert [id(message) for message in sent] == [id(message) for message in messages]
    assert counts(registry) == {("GET", "_OTHER", "203"): 1}

    async def by_path(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/file"})
        assert counts(registry)["GET", "_OTHER", "200"] == 1

    ask(asgi.TimingMiddleware(by_path, registry=registry))


# WSGI


class Sized:
    """A body that has a length and is closed."""

    def __init__(self) -> None:
        self.closed = 0
        self.extra = "kept"

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"sized"])

    def close(self) -> None:
        self.closed += 1


def environment(path: str = "/", method: str = "GET", file_wrapper: Any = None) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "REQUEST_METHOD": method,
        "QUERY_STRING": "",
    }
    if file_wrapper is not None:
        environ["wsgi.file_wrapper"] = file_wrapper
    setup_testing_defaults(environ)
    return environ


def started(*_: Any) -> Callable[[bytes], None]:
    return lambda _: None


def call(
    app: Any, path: str = "/", method: str = "GET", take: int | None = None, file_wrapper: Any = None
) -> tuple[str, bytes]:
    """Returns the status and body of a response as a server would send them."""
    lines: list[Any] = []

    def start_response(*line: Any) -> Callable[[bytes], object]:
        lines.append(line)
        return parts.append

    parts: list[bytes] = []
    body = app(environment(path, method, file_wrapper), start_response)
    try:
        for part in body:
            parts.append(part)
            if len(parts) == take:
                break
    finally:
        if hasattr(body, "close"):
            body.close()
    return lines[-1][0], b"".join(parts)


def test_bodies_of_wsgi_applications_keep_their_kind(registry: ictus.Registry) -> None:
    def answering(body: Any) -> Any:
        def app(_: Any, start_response: Any) -> Any:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return body

        return wsgi.TimingMiddleware(app, registry=registry)

    for simple in ([b"list"], (b"tuple",)):
        assert answering(simple)(environment(), started) is simple
    assert counts(registry) == {("GET", "_OTHER", "200"): 2}
    sized = Sized()
    body: Any = answering(sized)(environment(), started)
    # wsgiref sends a `Content-Length` for a body of one part.
    assert len(body) == 1
    assert list(body) == [b"sized"]
    body.close()
    assert (sized.closed, body.extra) == (1, "kept")

    def parts() -> Iterator[bytes]:
        yield b"generator"

    generator: Any = answering(parts())(environment(), started)
    assert generator  # Without a length, it is true.
    with pytest.raises(TypeError):
        len(generator)
    assert b"".join(generator) == b"generator"
    assert list(generator) == []
    generator.close()
    assert counts(registry) == {("GET", "_OTHER", "200"): 4}
    assert active(registry) == 0


def test_middleware_conforms_to_wsgi(registry: ictus.Registry) -> None:
    """The standard's checker is on both sides."""
    closed: list[str] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a", b"b"])

        def close(self) -> None:
            closed.append("once")

    def app(environ: Any, start_response: Any) -> Any:
        assert environ["PATH_INFO"] == "/path"
        write = start_response("201 Created", [("Content-Type", "text/plain")])
        write(b"written ")
        return Body()

    checked: Any = validator(wsgi.TimingMiddleware(validator(app), registry=registry))
    assert call(checked, "/path") == ("201 Created", b"written ab")
    assert closed == ["once"]
    assert counts(registry) == {("GET", "_OTHER", "201"): 1}


def test_generator_applications_are_measured_with_their_body(registry: ictus.Registry) -> None:
    def app(_: Any, start_response: Any) -> Iterator[bytes]:
        # A generator starts its response with its first part.
        start_response("202 Accepted", [])
        yield b"a"
        assert (counts(registry), active(registry)) == ({}, 1)
        try:
            raise LookupError
        except LookupError as error:
            # An application may replace a response that has not been sent.
            start_response("503 Busy", [], (LookupError, error, None))
        yield b"b"

    assert call(wsgi.TimingMiddleware(app, registry=registry)) == ("503 Busy", b"ab")
    assert counts(registry) == {("GET", "_OTHER", "503"): 1}


def test_exceptions_of_wsgi_applications_pass_unchanged(registry: ictus.Registry) -> None:
    raised = LookupError("unchanged")

    def early(*_: Any) -> Iterable[bytes]:
        raise raised

    def late(_: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"part"
        raise raised

    class Unopened:
        def __iter__(self) -> Iterator[bytes]:
            raise raised

    def unopened(_: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Unopened()

    for app in (early, late, unopened):
        with pytest.raises(LookupError) as caught:
            call(wsgi.TimingMiddleware(app, registry=registry))
        assert caught.value is raised
        assert caught.value.__context__ is None
    assert counts(registry) == {("GET", "_OTHER", "500"): 3}
    assert active(registry) == 0


def test_clients_of_wsgi_that_leave_have_a_status_of_their_own(registry: ictus.Registry) -> None:
    ended: list[str] = []

    def app(_: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            yield b"a"
            yield b"b"
        finally:
            ended.append("closed")

    assert call(wsgi.TimingMiddleware(app, registry=registry), take=1) == ("200 OK", b"a")
    assert ended == ["closed"]
    assert counts(registry) == {("GET", "_OTHER", "499"): 1}


def test_file_wrapper_of_a_server_gets_its_object(registry: ictus.Registry) -> None:
    """Servers send a file by a system call if they get the object that they made."""
    wrappers: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        wrappers.append(environ["wsgi.file_wrapper"](io.BytesIO(b"file")))
        return wrappers[-1]

    timed = wsgi.TimingMiddleware(app, registry=registry)
    body: Any = timed(environment(file_wrapper=FileWrapper), started)
    assert body is wrappers[-1]
    assert (counts(registry), active(registry)) == ({}, 1)
    body.close()
    assert body.filelike.closed
    assert counts(registry) == {("GET", "_OTHER", "200"): 1}

    def function(file: Any) -> Any:
        return file

    body = timed(environment(file_wrapper=function), started)
    assert body is wrappers[-1]
    body.close()
    assert counts(registry) == {("GET", "_OTHER", "200"): 2}
    assert active(registry) == 0


def flask_shop() -> flask.Flask:
    app = flask.Flask(__name__)
    pages = flask.Blueprint("pages", __name__, url_prefix="/pages/<lang>")

    @pages.get("/<path:page>")
    def page(lang: str, page: str) -> str:
        return lang + page

    @app.get("/orders/<int:order>")
    def show(order: int) -> str:
        return str(order)

    @app.get("/fails")
    def fails() -> str:
        raise KeyError

    @app.get("/stream")
    def stream() -> flask.Response:
        return flask.Response(part for part in ("a", "b"))

    @app.get("/file")
    def file() -> flask.Response:
        return flask.send_file(io.BytesIO(b"file"), mimetype="text/plain")

    app.register_blueprint(pages)
    return app


def test_routes_of_flask_are_rules(registry: ictus.Registry, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    app = flask_shop()
    app.wsgi_app = wsgi.TimingMiddleware(app.wsgi_app, registry=registry)  # type: ignore[method-assign]
    requests = {
        ("GET", "/orders/7"): ("/orders/<int:order>", 200),
        ("HEAD", "/orders/7"): ("/orders/<int:order>", 200),
        ("GET", "/orders/none"): ("_OTHER", 404),
        ("POST", "/orders/7"): ("_OTHER", 405),
        ("GET", "/pages/en/a/b"): ("/pages/<lang>/<path:page>", 200),
        ("GET", "/fails"): ("/fails", 500),
        ("GET", "/stream"): ("/stream", 200),
        ("GET", "/file"): ("/file", 200),
    }
    for (method, path), (_, status) in requests.items():
        assert call(app, path, method)[0].startswith(str(status)), path
    assert counts(registry) == {
        (method, route, str(status)): 1 for (method, _), (route, status) in requests.items()
    }
    assert call(app, "/file", file_wrapper=FileWrapper) == ("200 OK", b"file")
    assert counts(registry)["GET", "/file", "200"] == 2
    assert active(registry) == 0


# Django


@pytest.fixture(scope="module")
def django_registry() -> ictus.Registry:
    from django.conf import settings  # noqa: PLC0415

    registry = ictus.Registry()
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ICTUS_REGISTRY=registry,
        LOGGING_CONFIG=None,
        MIDDLEWARE=["ictus.django.timing_middleware", "django.middleware.gzip.GZipMiddleware"],
        ROOT_URLCONF="django_urls",
        SECRET_KEY="for tests",
    )
    django.setup()
    return registry


DJANGO_ASKED = {
    "/": ("/", 200),
    "/orders/7": ("/orders/<int:order>", 200),
    "/orders/none": ("_OTHER", 404),
    "/api/v3/": (r"/api/v(?P<version>\d+)/$", 200),
    "/awaited": ("/awaited", 200),
    "/fails": ("/fails", 500),
    "/stream": ("/stream", 200),
    "/awaited-stream": ("/awaited-stream", 200),
    "/file": ("/file", 200),
}


class NewCounts:
    """The counts since the last call."""

    def __init__(self, registry: ictus.Registry) -> None:
        self._registry = registry
        self._before = Counter(counts(registry))

    def __call__(self) -> dict[tuple[str, ...], int]:
        seen = Counter(counts(self._registry))
        new, self._before = seen - self._before, seen
        return dict(new)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_routes_of_django_are_patterns(
    django_registry: ictus.Registry, interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    from django.core.asgi import get_asgi_application  # noqa: PLC0415
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415

    new_counts = NewCounts(django_registry)
    app: Any = get_wsgi_application() if interface == "wsgi" else get_asgi_application()
    for path, (_, status) in DJANGO_ASKED.items():
        seen = int(call(app, path)[0][:3]) if interface == "wsgi" else ask(app, path)
        assert seen == status, path
    assert new_counts() == {("GET", route, str(status)): 1 for route, status in DJANGO_ASKED.values()}
    if interface == "wsgi":
        body: Any = app(environment("/file", file_wrapper=FileWrapper), started)
        assert isinstance(body, FileWrapper)
        assert new_counts() == {}
        body.close()
        assert body.filelike.closed
        call(app, "/stream", take=1)
        with pytest.raises(LookupError, match="in the stream"):
            call(app, "/broken-stream")
        assert new_counts() == {
            ("GET", "/file", "200"): 1,
            ("GET", "/stream", "499"): 1,
            ("GET", "/broken-stream", "500"): 1,
        }
    elif django.VERSION >= (5, 0):  # Older releases do not notice that a client leaves.
        ask(app, "/endless-stream", leave_after=3)
        assert new_counts() == {("GET", "/endless-stream", "499"): 1}
    assert active(django_registry) == 0


def test_django_without_a_registry_is_refused(django_registry: ictus.Registry) -> None:
    del django_registry
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.test import override_settings  # noqa: PLC0415

    from ictus.django import timing_middleware  # noqa: PLC0415

    with (
        override_settings(ICTUS_REGISTRY=None),
        pytest.raises(ImproperlyConfigured, match=r"set ICTUS_REGISTRY to an ictus\.Registry"),
    ):
        timing_middleware(lambda request: request)


# Both interfaces


def test_clients_create_no_series(registry: ictus.Registry, tmp_path: Path) -> None:
    app = shop(tmp_path)
    app.add_middleware(asgi.TimingMiddleware, registry=registry)
    flask_app = flask_shop()
    flask_app.wsgi_app = wsgi.TimingMiddleware(flask_app.wsgi_app, registry=registry)  # type: ignore[method-assign]

    async def odd(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": next(statuses), "headers": []})
        await send({"type": "http.response.body"})

    statuses = iter(range(600, 700))
    for number in range(100):
        ask(app, f"/client/{number}", f"METHOD{number}")
        ask(app, f"/tenants/{number}/orders/{number}")
        call(flask_app, f"/client/{number}", f"METHOD{number}")
        ask(asgi.TimingMiddleware(odd, registry=registry))
    assert counts(registry) == {
        ("_OTHER", "_OTHER", "404"): 200,
        ("GET", "/tenants/{tenant}/orders/{order}", "200"): 100,
        ("GET", "_OTHER", "_OTHER"): 100,
    }


async def hello_asgi(_: Any, __: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def hello_wsgi(_: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    yield b"hello"


def middlewares(registry: ictus.Registry, **options: Any) -> list[tuple[Any, Callable[[], object]]]:
    over_asgi = asgi.TimingMiddleware(hello_asgi, registry=registry, **options)
    over_wsgi = wsgi.TimingMiddleware(hello_wsgi, registry=registry, **options)
    return [(over_asgi, lambda: ask(over_asgi)), (over_wsgi, lambda: call(over_wsgi))]


def test_route_is_the_result_of_a_function(
    registry: ictus.Registry, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_log_once, "_logged", set())

    def path(request: dict[str, Any]) -> str:
        return "/known" if request.get("path", request.get("PATH_INFO")) == "/" else "/unknown"

    for _, ask_once in middlewares(registry, route=path):
        ask_once()
    assert counts(registry) == {("GET", "/known", "200"): 2}

    def raising(_: Any) -> str:
        raise ValueError("no route today")

    for route in (raising, lambda _: None, lambda _: 7):
        for _, ask_once in middlewares(registry, route=route):
            ask_once()
            ask_once()
    assert counts(registry) == {("GET", "/known", "200"): 2, ("GET", "_OTHER", "200"): 12}
    logged = [record.message for record in caplog.records]
    assert len(logged) == 2, logged
    assert "no route today" in logged[0]
    assert "must be a string or None, not int" in logged[1]


def test_failures_of_ictus_do_not_reach_the_application(
    registry: ictus.Registry, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def labels(self, *_: object) -> Any:
            raise MemoryError("no metrics today")

    for middleware, ask_once in middlewares(registry):
        previous = rejected(registry)
        middleware._metrics._active = Broken()
        ask_once()
        assert counts(registry)["GET", "_OTHER", "200"] == 1
        ictus.testing.reset(registry)
        assert rejected(registry) == previous + 1

        def record(*_: object) -> None:
            raise MemoryError("no metrics today")

        middleware._metrics.record = record
        ask_once()
        # The gauge and the timer each failed once.
        assert rejected(registry) == previous + 3
    assert len([record for record in caplog.records if "no metrics today" in record.message]) == 1


def test_removed_series_is_recorded_again(registry: ictus.Registry) -> None:
    for _, ask_once in middlewares(registry):
        ask_once()
        registry.timer(DURATION, labels=["method", "route", "status"]).remove("GET", "_OTHER", "200")
        ask_once()
        assert counts(registry) == {("GET", "_OTHER", "200"): 1}
        registry.timer(DURATION, labels=["method", "route", "status"]).remove("GET", "_OTHER", "200")


def test_something_else_than_a_registry_is_refused() -> None:
    wrong: Any
    for wrong in (None, "/tmp/metrics", ictus.Registry):
        for middleware in (asgi.TimingMiddleware, wsgi.TimingMiddleware):
            with pytest.raises(TypeError, match=r"`registry` must be an ictus\.Registry, not"):
                middleware(hello_asgi, registry=wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"`registry` must be an ictus\.Registry, not"):
            time_tasks(wrong)


# Celery


def test_tasks_of_celery_are_measured_by_name_and_state(registry: ictus.Registry) -> None:
    app = celery.Celery("shop", set_as_current=False)
    app.conf.task_always_eager = True
    time_tasks(registry)
    time_tasks(registry)

    @app.task(name="add")
    def add(one: int, two: int) -> int:
        return one + two

    @app.task(name="fails")
    def fails() -> None:
        raise ValueError

    @app.task(name="again", bind=True, max_retries=2)
    def again(self: Any) -> None:
        raise self.retry(countdown=0, exc=LookupError("to the end"))

    @app.task(name="nested")
    def nested() -> int:
        done: int = add.apply(args=(1, 2)).result + add(3, 4)
        return done

    assert [add.delay(1, number).get() for number in range(5)] == [1, 2, 3, 4, 5]
    fails.delay()
    again.delay()
    assert nested.delay().get() == 10
    family = registry.snapshot().family("celery_task_runtime_seconds")
    assert family is not None
    assert family.label_names == ["state", "task"]
    series: list[Any] = family.series
    assert {labels: timing.count for labels, timing in series} == {
        ("SUCCESS", "add"): 6,
        ("FAILURE", "fails"): 1,
        ("RETRY", "again"): 2,
        ("FAILURE", "again"): 1,
        ("SUCCESS", "nested"): 1,
    }
    running = registry.snapshot().family("celery_running_tasks")
    assert running is not None
    assert [value for _, value in running.series] == [0] * 4
