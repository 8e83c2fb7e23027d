"""Tests that the provider shows the metrics as the SDK's does, and ends as the SDK's does."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from harness import (
    HAS_FACTORY,
    eventually,
    file_samples,
    free_port,
    get,
    key,
    kill,
    parse,
    provider,
    reachable,
    start,
)
from ictus import _core, _provider_loop
from ictus.conductor import MetricsCollector, MetricsSettings

NOBODY = 65534
"""A user as which node-exporter may run."""
POLLS = key("task_poll_total", taskType="t")


@pytest.fixture
def polls(directory: str) -> MetricsCollector:
    """Returns a collector that has counted a poll."""
    collector = MetricsCollector(MetricsSettings(directory=directory))
    collector.increment_task_poll("t")
    collector.record_api_request_time("GET", "/", "200", 0.1)
    return collector


def test_file_follows_the_recorded_values(directory: str, polls: MetricsCollector) -> None:
    written = Path(directory, "out.prom")
    with provider(directory):
        assert eventually(lambda: file_samples(written), lambda shown: POLLS in shown)[POLLS] == 1
        polls.increment_task_poll("t")
        assert eventually(lambda: file_samples(written), lambda shown: shown[POLLS] == 2)[POLLS] == 2
        umask = os.umask(0)
        os.umask(umask)
        assert written.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("over_http", [False, True])
def test_metrics_of_users_are_shown(directory: str, over_http: bool) -> None:
    port = free_port() if over_http else 0
    workers = [start("user_metrics.py", directory) for _ in range(2)]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"done\n"
        with provider(directory, port):
            text = eventually(lambda: shown_by(directory, port), lambda text: "cards_charged" in text)
        shown = parse(text)
        assert shown[key("cards_charged_total", bank="b")] == 4
        assert shown[key("cards_waiting")] == 6
        assert shown[key("card_seconds_bucket", le="2.0")] == 2
        assert shown[key("card_seconds_count")] == 2
        assert shown[POLLS] == 2
        assert text.count("# TYPE task_poll_total ") == 1
    finally:
        for worker in workers:
            kill(worker)


@pytest.mark.parametrize("over_http", [False, True])
def test_signals_end_it_as_the_sdks_provider(
    directory: str, over_http: bool, polls: MetricsCollector
) -> None:
    port = free_port() if over_http else 0

    def polled(times: int) -> None:
        shown = eventually(lambda: parse(shown_by(directory, port)), lambda shown: shown.get(POLLS) == times)
        assert shown[POLLS] == times

    with provider(directory, port) as running:
        polled(1)
        running.send_signal(signal.SIGINT)
        if HAS_FACTORY:
            # Recording continues.
            polls.increment_task_poll("t")
            polled(2)
            running.terminate()
            assert running.wait(60) == -signal.SIGTERM
        else:
            # A KeyboardInterrupt.
            assert running.wait(60) in (1, -signal.SIGINT)


def shown_by(directory: str, port: int) -> str:
    """Returns the text of the endpoint, or of the file if there is no port; empty if neither exists yet."""
    if port == 0:
        written = Path(directory, "out.prom")
        return written.read_text(encoding="utf-8") if written.exists() else ""
    return get(port, "/metrics")[2].decode() if reachable(port) else ""


@pytest.mark.usefixtures("polls")
def test_endpoint_answers_as_that_of_the_sdk(directory: str) -> None:
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


def test_endpoint_shows_metrics_of_users_in_openmetrics(directory: str) -> None:
    worker = start("user_metrics.py", directory)
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
def test_endpoint_listens_on_all_interfaces_by_default(directory: str, host: str, elsewhere: bool) -> None:
    port = free_port()
    with provider(directory, port, ICTUS_HTTP_HOST=host):
        assert eventually(lambda: reachable(port, "127.0.0.2"), bool)
        assert reachable(port) == elsewhere


def test_signal_is_not_lost_during_a_failure(directory: str) -> None:
    raised = iter([ValueError("a file in the making"), KeyboardInterrupt()])

    def guests(read: Path) -> list[_core._Family]:
        assert read == Path(directory)
        raise next(raised)

    with pytest.raises(KeyboardInterrupt):
        _provider_loop.run(_core.Provider.file(directory, Path(directory, "out.prom"), 0.05), guests)


@pytest.mark.usefixtures("polls")
def test_hanging_merge_hides_nothing_else(directory: str) -> None:
    written = Path(directory, "out.prom")

    def guests(_: Path) -> list[_core._Family]:
        assert POLLS in eventually(lambda: file_samples(written), lambda shown: POLLS in shown)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _provider_loop.run(_core.Provider.file(directory, written, 0.05), guests)


@pytest.mark.usefixtures("polls")
def test_the_reader_chooses_the_surface(directory: str) -> None:
    port = free_port()
    with provider(directory, port):
        assert eventually(lambda: reachable(port), bool)
        families = {
            "": {"http_api_client_request", "api_request_time_seconds"},
            "?surface=legacy": {"http_api_client_request"},
            "?surface=documented": {"api_request_time_seconds"},
            "?surface=canonical": {"http_api_client_request_seconds"},
        }
        for query, expected in families.items():
            body = get(port, f"/metrics{query}")[2].decode()
            shown = {line.split()[2] for line in body.splitlines() if line.startswith("# TYPE ")}
            assert shown & set().union(*families.values()) == expected
        assert get(port, "/metrics?surface=canonical,legacy")[0] == 400


def test_other_users_can_read_the_file() -> None:
    with tempfile.TemporaryDirectory() as parent:
        written = Path(parent, "metrics", "out.prom")
        written.parent.mkdir()
        for folder in (written.parent, Path(parent)):
            folder.chmod(0o755)
        MetricsCollector(MetricsSettings(str(written.parent))).increment_task_poll("t")
        with provider(str(written.parent)):
            assert eventually(lambda: file_samples(written), lambda shown: POLLS in shown)[POLLS] == 1
        assert written.stat().st_mode & 0o004
        assert not (written.parent / "ictus").stat().st_mode & 0o077
        if os.getuid() != 0:
            return
        child = os.fork()
        if child == 0:
            os.setuid(NOBODY)
            os._exit(0 if b"task_poll_total" in written.read_bytes() else 1)
        assert os.waitpid(child, 0)[1] == 0
