"""Tests the endpoint: as a server within the program, and as an application of WSGI and ASGI servers."""

from __future__ import annotations

import asyncio
import gzip
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families

import ictus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def registry() -> ictus.Registry:
    registry = ictus.Registry()
    jobs = registry.counter("jobs", "Jobs done.", ["queue"])
    for number in range(100):
        jobs.labels(number).inc()
    return registry


@contextmanager
def own_server(registry: ictus.Registry) -> Iterator[int]:
    """Yields the port of Ictus's own server."""
    with ictus.start_http_server(0, "127.0.0.1", registry=registry) as server:
        assert server.port
        yield server.port


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def wsgi(registry: ictus.Registry) -> Iterator[int]:
    """Yields the port of a server that checks that the application conforms to the standard."""
    app: Any = validator(ictus.make_wsgi_app(registry=registry))
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@contextmanager
def asgi(registry: ictus.Registry) -> Iterator[int]:
    """Yields the port of Uvicorn, which also sends the events of a lifespan."""
    config = uvicorn.Config(ictus.make_asgi_app(registry=registry), port=0, lifespan="on", log_level="error")
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.mark.parametrize("served", [own_server, wsgi, asgi])
def test_metrics_are_shown_in_the_requested_format(
    served: Callable[..., Any], registry: ictus.Registry
) -> None:
    with served(registry) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)

        def asked(method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=named)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()

        status, headers, body = asked("GET", "/metrics")
        assert (status, headers["content-type"]) == (200, ictus.content_type())
        families = {family.name: family for family in text_string_to_metric_families(body.decode())}
        assert sum(sample.value for sample in families["jobs"].samples) == 100
        assert len(families) > 10
        status, headers, compressed = asked("GET", "/metrics?name[]=jobs_total", Accept_Encoding="gzip")
        assert headers["content-encoding"] == "gzip"
        text = gzip.decompress(compressed).decode()
        assert [family.name for family in text_string_to_metric_families(text)] == ["jobs"]
        _, headers, body = asked("GET", "/metrics", Accept="application/openmetrics-text;version=1.0.0")
        assert headers["content-type"] == ictus.content_type("openmetrics")
        assert body.endswith(b"# EOF\n")
        status, headers, body = asked("HEAD", "/metrics")
        assert (status, body) == (200, b"")
        assert int(headers["content-length"]) > 1000
        status, headers, body = asked("POST", "/metrics")
        assert (status, headers["allow"]) == (405, "GET, HEAD")
        status, _, body = asked("GET", "/metrics?surface=other")
        assert status == 400
        assert b"other" in body
        connection.close()


def test_a_port_is_free_when_its_server_is_closed(registry: ictus.Registry) -> None:
    server = ictus.start_http_server(0, "127.0.0.1", registry=registry)
    port = server.port
    assert port
    with pytest.raises(OSError, match=str(port)):
        ictus.start_http_server(port, "127.0.0.1", registry=registry)
    server.close()
    server.close()
    ictus.start_http_server(port, "127.0.0.1", registry=registry).close()


def test_server_without_a_reference_keeps_serving() -> None:
    program = (
        "import gc, http.client, socket, ictus\n"
        "with socket.socket() as free: free.bind(('127.0.0.1', 0)); port = free.getsockname()[1]\n"
        "def start(): ictus.start_http_server(port, '127.0.0.1', registry=ictus.Registry())\n"
        "start(); gc.collect()\n"
        "client = http.client.HTTPConnection('127.0.0.1', port); client.request('GET', '/metrics')\n"
        "print(client.getresponse().status)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr


def test_directory_of_other_processes_is_served(directory: str, registry: ictus.Registry) -> None:
    ictus.Registry(directory).counter("jobs").inc(3)
    application = ictus.make_wsgi_app(directory=directory)
    received: list[Any] = []
    environ = {"REQUEST_METHOD": "GET", "QUERY_STRING": "name[]=jobs_total"}
    body = b"".join(application(environ, lambda *line: received.append(line)))
    assert received[0][0] == "200 OK"
    assert body.endswith(b"jobs_total 3.0\n")
    for make in (ictus.make_wsgi_app, ictus.make_asgi_app, lambda **what: ictus.start_http_server(0, **what)):
        with pytest.raises(ValueError, match="give either registry= or directory="):
            make()
        with pytest.raises(ValueError, match="give either registry= or directory="):
            make(registry=registry, directory=directory)


def test_websockets_are_refused(registry: ictus.Registry) -> None:
    async def never(*_: Any) -> Any:
        raise AssertionError

    with pytest.raises(ValueError, match="not over websocket"):
        asyncio.run(ictus.make_asgi_app(registry=registry)({"type": "websocket"}, never, never))  # type: ignore[arg-type]


ODD_REQUESTS = [
    (b"GET", b""),
    (b"GET", b"surface=legacy&surface=canonical"),
    (b"GET", b"surface=\xff"),
    (b"GET", b"name[]=\xc3\xbc"),
    (b"GET", b"name[]=%zz&%"),
    (b"GET", b"a b"),
    (b"GET", b"a\x00b"),
    (b"GET", b'<>"{}|^`'),
    (b"GET", b"\x7f"),
    (b"GET", b"a#b"),
    (b"GET", b"x" * 20_000),
    (b"HEAD", b""),
    (b"BREW", b""),
    (b"get", b""),
    (b"G\xfcT", b""),
    (b"G(T", b""),
    (b"", b""),
]


@pytest.mark.parametrize(("method", "query"), ODD_REQUESTS)
def test_unusual_requests_get_equal_responses_everywhere(
    registry: ictus.Registry, method: bytes, query: bytes
) -> None:
    with ictus.start_http_server(0, "127.0.0.1", registry=registry) as server:
        assert server.port
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(
                method + b" /metrics?" + query + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            answer = b""
            while more := client.recv(65536):
                answer += more
    status = int(answer.split()[1])

    started: list[Any] = []
    environ = {"REQUEST_METHOD": method.decode("latin-1"), "QUERY_STRING": query.decode("latin-1")}
    b"".join(ictus.make_wsgi_app(registry=registry)(environ, lambda *line: started.append(line)))
    assert int(started[0][0].split()[0]) == status

    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    async def receive() -> Any:
        raise AssertionError

    scope = {"type": "http", "method": method.decode("latin-1"), "query_string": query, "headers": []}

    async def serve() -> None:
        await ictus.make_asgi_app(registry=registry)(scope, receive, send)

    asyncio.run(serve())
    assert sent[0]["status"] == status


def test_responses_of_applications_keep_browsers_of_other_sites_out(registry: ictus.Registry) -> None:
    started: list[Any] = []
    ictus.make_wsgi_app(registry=registry)({"REQUEST_METHOD": "GET"}, lambda *line: started.append(line))
    headers = {name.lower(): value for name, value in started[0][1]}
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("name", ["certfile", "keyfile", "auth", "client_cafile"])
def test_empty_file_name_is_refused(registry: ictus.Registry, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        ictus.start_http_server(0, "127.0.0.1", registry=registry, **{name: ""})


def test_names_of_other_sites_are_refused_at_a_loopback_address(registry: ictus.Registry) -> None:
    def status(server: ictus.Server, host: str) -> int:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/metrics", headers={"Host": host})
        return connection.getresponse().status

    with ictus.start_http_server(0, "127.0.0.1", registry=registry) as server:
        assert [status(server, host) for host in ("localhost", "evil.example")] == [200, 421]
    with ictus.start_http_server(0, "127.0.0.1", registry=registry, allowed_hosts=["a.example"]) as server:
        assert [status(server, host) for host in ("a.example", "evil.example")] == [200, 421]
