"""Runs the programs of docs/python-web.md under several workers of real servers, and kills workers.

The counts that the servers' metrics show must be exactly those of the clients.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import celery
import pytest
from prometheus_client.parser import text_string_to_metric_families

import ictus
from harness import TESTS, eventually, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (TESTS.parents[1] / "docs" / "python-web.md").read_text(encoding="utf-8")
DURATION = "http_server_request_duration_seconds"
WORKERS = 3
SLEEP = 0.01


def blocks(language: str, section: str) -> list[str]:
    [text] = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def written(program: str, folder: Path) -> str:
    """Returns a program of the page, with the directory of the test."""
    assert "/tmp/shop-metrics" in program
    return program.replace("/tmp/shop-metrics", str(folder / "metrics"))


# Each program of the page gets a route that takes a known time.
ENDLESS_PARTS = f"""
def parts():
    while True:
        yield "part" * 1000
        time.sleep({SLEEP})
"""
FASTAPI_MORE = f"""
import time

from fastapi.responses import StreamingResponse

{ENDLESS_PARTS}

@app.get("/slow/{{way}}")
def slow(way):
    time.sleep({SLEEP})


@app.get("/endless")
async def endless():
    return StreamingResponse(parts())
"""
FLASK_MORE = f"""
import time

{ENDLESS_PARTS}

@app.get("/slow/<way>")
def slow(way):
    time.sleep({SLEEP})
    return way


@app.get("/endless")
def endless():
    return app.response_class(parts())
"""
DJANGO_MORE = f"""
import time

from django.http import StreamingHttpResponse

{ENDLESS_PARTS}

def endless(request):
    return StreamingHttpResponse(parts())


def show(request, order):
    return HttpResponse(order)


def slow(request, way):
    time.sleep({SLEEP})
    return HttpResponse(way)


urlpatterns += [
    path("orders/<int:order>", show),
    path("slow/<str:way>", slow),
    path("endless", endless),
]
"""
DJANGO_SETTINGS = """
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
SECRET_KEY = "for tests"
"""
DJANGO_APP = """\
import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
app = get_wsgi_application()
"""
CELERY_MORE = """
@app.task
def die():
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)
"""


def fastapi_program(folder: Path) -> None:
    [program] = blocks("python", "FastAPI and Starlette")
    (folder / "app.py").write_text(written(program, folder) + FASTAPI_MORE, encoding="utf-8")


def flask_program(folder: Path) -> None:
    [program] = blocks("python", "Flask")
    (folder / "app.py").write_text(written(program, folder) + FLASK_MORE, encoding="utf-8")


def django_program(folder: Path) -> None:
    settings, urls = blocks("python", "Django")
    (folder / "settings.py").write_text(written(settings, folder) + DJANGO_SETTINGS, encoding="utf-8")
    (folder / "urls.py").write_text(urls + DJANGO_MORE, encoding="utf-8")
    (folder / "app.py").write_text(DJANGO_APP, encoding="utf-8")


class Served(NamedTuple):
    """A program of the page, and a server with its options."""

    write: Any
    options: tuple[str, ...]
    orders: str
    slow: str
    metrics: str


[UVICORN] = re.findall(r"^uvicorn (.*) &$", PAGE, re.MULTILINE)
[GUNICORN] = re.findall(r"^gunicorn (.*) &$", PAGE, re.MULTILINE)
FASTAPI = ("/orders/{order}", "/slow/{way}", "/metrics/")
FLASK = ("/orders/<int:order>", "/slow/<way>", "/metrics")
DJANGO = ("/orders/<int:order>", "/slow/<str:way>", "/metrics")
UVICORN_WORKER = ("--worker-class", "uvicorn.workers.UvicornWorker")
RESTARTS = GUNICORN.replace("--max-requests 1000", "--max-requests 40")
SERVED = {
    "fastapi-uvicorn": Served(fastapi_program, ("uvicorn", *UVICORN.split()), *FASTAPI),
    "fastapi-gunicorn-uvicorn": Served(
        fastapi_program, ("gunicorn", *UVICORN_WORKER, *GUNICORN.split()), *FASTAPI
    ),
    "fastapi-gunicorn-asgi": Served(
        fastapi_program, ("gunicorn", "--worker-class", "asgi", *GUNICORN.split()), *FASTAPI
    ),
    "flask-gunicorn": Served(flask_program, ("gunicorn", *RESTARTS.split()), *FLASK),
    "flask-gunicorn-threads": Served(
        flask_program, ("gunicorn", "--preload", "--threads", "4", *GUNICORN.split()), *FLASK
    ),
    "django-gunicorn": Served(django_program, ("gunicorn", *RESTARTS.split()), *DJANGO),
}


def fetch(url: str, method: str = "GET") -> tuple[int, bytes]:
    try:
        with urlopen(Request(url, method=method), timeout=60) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


def leave(url: str) -> tuple[str, ...]:
    """Sends a request and leaves before the end of the response; returns how it counts."""
    with urlopen(f"{url}/endless", timeout=60) as answer:
        assert answer.read(4) == b"part"
    return "GET", "/endless", "499"


def reachable(url: str) -> bool:
    try:
        return fetch(url)[0] == 200
    except (URLError, ConnectionError):
        return False


def started(command: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    """Starts a module in the folder, with its own process group."""
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@contextlib.contextmanager
def running(command: tuple[str, ...], folder: Path, *, end: int = signal.SIGTERM) -> Iterator[int]:
    """Runs a module, and yields its process."""
    process = started(command, folder)
    try:
        yield process.pid
    finally:
        process.send_signal(end)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def workers(parent: int) -> set[int]:
    """Returns the worker processes of a server."""
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8")
    pids: set[int] = set()
    for child in listed.split():
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            # Python's helper of processes that are spawned.
            if command and b"resource_tracker" not in command:
                pids.add(int(child))
    return pids


def counts(folder: Path) -> Counter[tuple[str, ...]]:
    family = ictus.read(folder / "metrics").family(DURATION)
    series: list[Any] = [] if family is None else family.series
    return Counter({labels: timing.count for labels, timing in series if "etrics" not in labels[1]})


def send(base: str, served: Served, rounds: int) -> Counter[tuple[str, ...]]:
    """Sends requests from several threads, and returns their number by method, route and status."""
    refused = "_OTHER" if served.write is flask_program else served.orders
    requests = [
        ("GET", "/orders/{}", served.orders, 200),
        ("GET", "/none/{}", "_OTHER", 404),
        ("GET", "/slow/{}", served.slow, 200),
        ("POST", "/orders/{}", refused, 405),
    ]
    if served.write is django_program:
        requests.pop()  # Its view answers every method.

    def one(number: int) -> tuple[str, ...]:
        method, path, route, expected = requests[number % len(requests)]
        status, _ = fetch(base + path.format(number), method)
        assert status == expected, (method, path)
        return method, route, str(status)

    with ThreadPoolExecutor(6) as pool:
        return Counter(pool.map(one, range(rounds * len(requests))))


@pytest.mark.parametrize("name", SERVED)
def test_counts_of_workers_are_those_of_the_clients(name: str, tmp_path: Path) -> None:
    served = SERVED[name]
    served.write(tmp_path)
    port = str(free_port())
    assert str(WORKERS) in served.options
    command = tuple(option.replace("8000", port) for option in served.options)
    base = f"http://127.0.0.1:{port}"
    with running(command, tmp_path) as server:
        assert eventually(lambda: reachable(f"{base}{served.metrics}"), bool), (tmp_path / "log").read_text()
        begun = time.perf_counter()
        expected = send(base, served, 40)
        # A response is sent shortly before its request is recorded.
        assert eventually(lambda: counts(tmp_path), lambda seen: seen == expected) == expected
        elapsed = time.perf_counter() - begun
        timing = ictus.read(tmp_path / "metrics").timing(
            DURATION, method="GET", route=served.slow, status="200"
        )
        assert timing is not None
        assert len(timing.window) == timing.count == 40
        for q in (0.01, 0.5, 0.99):
            assert SLEEP <= (timing.quantile(q) or 0) <= elapsed
        old = eventually(lambda: workers(server), lambda now: len(now) >= WORKERS)
        with contextlib.suppress(ProcessLookupError):  # It may have reached its maximum of requests.
            os.kill(min(old), signal.SIGKILL)
        eventually(lambda: workers(server), lambda now: min(old) not in now and len(now) >= WORKERS)
        assert counts(tmp_path) == expected
        expected += send(base, served, 10)
        expected[leave(base)] += 1
        assert eventually(lambda: counts(tmp_path), lambda seen: seen == expected) == expected
        # Any worker answers for all.
        text = fetch(f"{base}{served.metrics}")[1].decode()
    shown = Counter(
        {
            (sample.labels["method"], sample.labels["route"], sample.labels["status"]): int(sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"{DURATION}_count" and "etrics" not in sample.labels["route"]
        }
    )
    assert shown == expected
    # After the end nothing is lost, and no request is active.
    assert counts(tmp_path) == expected
    assert ictus.read(tmp_path / "metrics").value("http_server_active_requests", method="GET") in (None, 0)


def test_commands_of_the_page_show_requests(tmp_path: Path) -> None:
    fastapi_program(tmp_path)
    port, exporter = str(free_port()), str(free_port())
    [block] = blocks("sh", "FastAPI and Starlette")
    [shown] = blocks("text", "FastAPI and Starlette")
    _, *commands = block.replace("8000", port).splitlines()
    [serve] = [line for line in blocks("sh", "gunicorn")[0].splitlines() if line.startswith("python ")]
    serve = written(serve, tmp_path).replace("9464", exporter).removesuffix(" &")
    with (
        running(("uvicorn", *UVICORN.replace("8000", port).split()), tmp_path),
        running(tuple(serve.split()[2:]), tmp_path),
    ):
        assert eventually(lambda: reachable(f"http://127.0.0.1:{port}/metrics/"), bool)
        printed = subprocess.run(
            ["bash", "-ec", "\n".join(commands)], capture_output=True, text=True, check=True
        ).stdout
        number = re.compile(r" [\d.e-]+$", re.MULTILINE)
        assert number.sub("", printed) == number.sub("", shown)
        assert " 100.0\n" in printed
        status, body = fetch(f"http://127.0.0.1:{exporter}/metrics")
        assert (status, b'route="/orders/{order}",status="200"} 100.0' in body) == (200, True)


def test_program_of_another_framework_is_measured(tmp_path: Path) -> None:
    program: dict[str, Any] = {}
    exec(written(blocks("python", "Other frameworks")[0], tmp_path), program)
    for path in ("/", "/cart", "/cart/7", "/other"):
        program["application"]({"REQUEST_METHOD": "GET", "PATH_INFO": path}, lambda *_: None)
    assert counts(tmp_path) == {
        ("GET", "/", "200"): 1,
        ("GET", "/cart", "200"): 1,
        ("GET", "_OTHER", "200"): 2,
    }


# Celery

[CELERY] = re.findall(r"^celery (.*) &$", PAGE, re.MULTILINE)


def runs(folder: Path) -> dict[tuple[str, ...], int]:
    family = ictus.read(folder / "metrics").family("celery_task_runtime_seconds")
    series: list[Any] = [] if family is None else family.series
    return {labels: timing.count for labels, timing in series}


def celery_program(folder: Path) -> dict[str, Any]:
    """Writes the page's tasks with a broker of files, and returns the options of the broker."""
    [program] = blocks("python", "Celery")
    [broker] = re.findall(r'broker="(.*)"', program)
    queue = folder / "queue"
    queue.mkdir()
    transport = {
        "control_folder": str(folder / "control"),
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "polling_interval": 0.1,
    }
    more = f"\napp.conf.broker_transport_options = {transport}\n\n{CELERY_MORE}"
    (folder / "tasks.py").write_text(
        written(program, folder).replace(broker, "filesystem://") + more, encoding="utf-8"
    )
    return transport


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_tasks_of_workers_are_those_that_were_sent(pool: str, tmp_path: Path) -> None:
    transport = celery_program(tmp_path)
    sender = celery.Celery("sender", broker="filesystem://", set_as_current=False)
    sender.conf.broker_transport_options = transport
    sent: Counter[tuple[str, ...]] = Counter()

    def send_tasks(number: int) -> None:
        for order in range(number):
            sender.send_task("tasks.charge", args=[order])
            sent["SUCCESS" if order % 10 else "FAILURE", "tasks.charge"] += 1

    options = ["--pool", pool, "--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
    if pool == "prefork":
        options += ["--max-tasks-per-child", "15"]
    # An orderly end takes some seconds.
    with running(("celery", *CELERY.split(), *options), tmp_path, end=signal.SIGKILL):
        send_tasks(60)
        assert eventually(lambda: runs(tmp_path), lambda seen: seen == sent) == sent, (
            tmp_path / "log"
        ).read_text()
        if pool == "prefork":
            sender.send_task("tasks.die")
            send_tasks(20)
            assert eventually(lambda: runs(tmp_path), lambda seen: seen == sent) == sent
    # The run whose process was killed has no end.
    assert runs(tmp_path) == sent
    for task in ("tasks.charge", "tasks.die"):
        assert ictus.read(tmp_path / "metrics").value("celery_running_tasks", task=task) in (None, 0)


def test_commands_of_the_page_show_celery_tasks(tmp_path: Path) -> None:
    celery_program(tmp_path)
    start, send = blocks("sh", "Celery")
    [shown] = blocks("text", "Celery")
    port = str(free_port())
    worker, serve = (line.removesuffix(" &") for line in start.splitlines())
    serve = written(serve, tmp_path).replace("9465", port)
    options = ("--without-gossip", "--without-mingle")
    with (
        running((*worker.split(), *options), tmp_path, end=signal.SIGKILL),
        running(tuple(serve.split()[2:]), tmp_path),
    ):
        assert eventually(lambda: reachable(f"http://127.0.0.1:{port}/metrics"), bool)
        assert eventually(lambda: "ready" in (tmp_path / "log").read_text(), bool)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        # The block itself waits until all tasks have run.
        printed = subprocess.run(
            ["bash", "-c", send.replace("9465", port)],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        ).stdout
        assert printed == shown
