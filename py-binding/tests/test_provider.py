"""The provider shows the metrics as the SDK's does, and ends as the SDK's does."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import HAS_FACTORY, eventually, file_samples, key, kill, start
from ictus import _core
from ictus.conductor import MetricsCollector, MetricsSettings

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

POLLS = key("task_poll_total", taskType="t")


@contextmanager
def provider(directory: str, port: int = 0, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    running = start("provide.py", directory, str(port), **environment)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        yield running
    finally:
        kill(running)


@pytest.fixture
def polls(directory: str) -> MetricsCollector:
    """A collector that has counted a poll."""
    made = MetricsCollector(MetricsSettings(directory=directory))
    made.increment_task_poll("t")
    return made


def test_the_file_follows_what_is_recorded(directory: str, polls: MetricsCollector) -> None:
    written = Path(directory, "out.prom")
    with provider(directory):
        assert eventually(lambda: file_samples(written), lambda shown: POLLS in shown)[POLLS] == 1
        polls.increment_task_poll("t")
        assert eventually(lambda: file_samples(written), lambda shown: shown[POLLS] == 2)[POLLS] == 2
        umask = os.umask(0)
        os.umask(umask)
        assert written.stat().st_mode & 0o777 == 0o666 & ~umask


def test_metrics_that_users_define_themselves_are_shown_beside(directory: str) -> None:
    written = Path(directory, "out.prom")
    workers = [start("guest.py", directory) for _ in range(2)]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"done\n"
        with provider(directory):
            charged = key("cards_charged_total", bank="b")
            shown = eventually(lambda: file_samples(written), lambda shown: charged in shown)
        assert shown[charged] == 4
        assert shown[key("cards_waiting")] == 6
        assert shown[key("card_seconds_bucket", le="2.0")] == 2
        assert shown[key("card_seconds_count")] == 2
        assert shown[POLLS] == 2
        assert written.read_text().count("# TYPE task_poll_total ") == 1
    finally:
        for worker in workers:
            kill(worker)


@pytest.mark.usefixtures("polls")
@pytest.mark.parametrize("over_http", [False, True])
def test_signals_end_it_as_they_end_the_sdks(directory: str, over_http: bool) -> None:
    with provider(directory, free_port() if over_http else 0) as running:
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        if HAS_FACTORY:
            time.sleep(0.5)
            assert running.poll() is None
            running.terminate()
            assert running.wait(10) == -signal.SIGTERM
        else:
            # A KeyboardInterrupt.
            assert running.wait(10) in (1, -signal.SIGINT)


@pytest.mark.usefixtures("polls")
def test_the_endpoint_answers_as_the_sdks(directory: str) -> None:
    port = free_port()
    with provider(directory, port):
        assert eventually(lambda: reachable(port), bool)
        status, kind, body = get(port, "/metrics")
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert b'task_poll_total{taskType="t"} 1.0' in body
        for path in ("/", "/health"):
            assert get(port, path) == (200, "text/plain", b"OK")
        assert get(port, "/elsewhere")[0] == 404
    assert not Path(directory, "out.prom").exists()


def test_the_endpoint_has_what_users_define_in_openmetrics_too(directory: str) -> None:
    worker = start("guest.py", directory)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"done\n"
        port = free_port()
        with provider(directory, port):
            assert eventually(lambda: reachable(port), bool)
            _, kind, body = get(port, "/metrics", "application/openmetrics-text; version=1.0.0")
        assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert b'# TYPE cards_charged counter\ncards_charged_total{bank="b"} 2.0\n' in body
        assert body.endswith(b"\n# EOF\n")
    finally:
        kill(worker)


@pytest.mark.usefixtures("polls")
@pytest.mark.parametrize(("host", "elsewhere"), [("", True), ("127.0.0.2", False)])
def test_the_endpoint_is_on_all_interfaces_unless_told_otherwise(
    directory: str, host: str, elsewhere: bool
) -> None:
    port = free_port()
    with provider(directory, port, ICTUS_HTTP_HOST=host):
        assert eventually(lambda: reachable(port, "127.0.0.2"), bool)
        assert reachable(port) == elsewhere


def test_a_signal_is_not_lost_where_a_failure_is_survived(directory: str) -> None:
    raised = iter([ValueError("a file in the making"), KeyboardInterrupt()])

    def guests(read: Path) -> list[_core.Family]:
        assert read == Path(directory)
        raise next(raised)

    with pytest.raises(KeyboardInterrupt):
        _core.write_loop(directory, Path(directory, "out.prom"), 0.05, guests=guests)


@pytest.mark.usefixtures("polls")
def test_a_merge_that_hangs_takes_nothing_else_away(directory: str) -> None:
    written = Path(directory, "out.prom")

    def guests(_: Path) -> list[_core.Family]:
        assert POLLS in eventually(lambda: file_samples(written), lambda shown: POLLS in shown)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _core.write_loop(directory, written, 0.05, guests=guests)


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


def reachable(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as asking:
        return asking.connect_ex((host, port)) == 0


def get(port: int, path: str, accept: str = "*/*") -> tuple[int, str | None, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Accept": accept})
    response = connection.getresponse()
    return response.status, response.getheader("Content-Type"), response.read()
