"""Shared helpers of the tests: they run scripts and read the recorded metrics."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from ictus import _core

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS.parents[1] / "testing"))
from conductor_stub import Stub  # noqa: E402

__all__ = ["Stub"]
"""Names imported from other modules."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HAS_FACTORY = importlib.util.find_spec("conductor.client.telemetry.metrics_factory") is not None
"""Whether the installed SDK has the factory and the canonical mode, as it has since 1.4."""

Sample = tuple[str, frozenset[tuple[str, str]]]
T = TypeVar("T")


def key(name: str, **labels: str) -> Sample:
    """Returns the key of a sample: its name and labels."""
    return name, frozenset(labels.items())


def parse(text: str) -> dict[Sample, float]:
    """Returns the samples of a text."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def samples(directory: str, *surfaces: str) -> dict[Sample, float]:
    """Returns the samples of a metrics directory."""
    return parse(_core.text(directory, surfaces or None))


def eventually(look: Callable[[], T], holds: Callable[[T], bool], seconds: float = 60) -> T:
    """Polls until the condition holds, and returns that result, or the last one before the timeout."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if holds(seen) or time.monotonic() > deadline:
            return seen
        time.sleep(0.05)


def file_samples(path: Path) -> dict[Sample, float]:
    """Returns the samples in a file that may not exist yet."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def environment(**more: str) -> dict[str, str]:
    """Returns the environment of this process without variables that earlier tests have set."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ICTUS_", "PROMETHEUS_", "WORKER_", "CONDUCTOR_"))
    }
    return kept | more


def launch(*command: str, **more: str) -> subprocess.Popen[bytes]:
    """Starts a command in this folder."""
    return subprocess.Popen(
        command,
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(**more),
        start_new_session=True,
    )


def start(script: str, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
    """Starts a script of this folder in a separate interpreter."""
    return launch(sys.executable, str(TESTS / script), *arguments, **more)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the script and all processes that it has started, which may outlive it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def run(script: str, *arguments: str, give: bytes = b"", **more: str) -> bytes:
    """Runs a script of this folder to its end and returns its output."""
    process = start(script, *arguments, **more)
    try:
        printed, _ = process.communicate(give, timeout=300)
    finally:
        kill(process)
    assert process.returncode == 0, printed
    return printed


def conductor() -> Stub:
    """Returns a server that has some work and never fails. With too much work, workers never need to poll."""
    return Stub(rate=20, slow=0, poll_errors=0, update_errors=0)


@contextlib.contextmanager
def provider(directory: str, port: int = 0, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yields a metrics provider in a separate process that writes `out.prom` or serves."""
    running = start("metrics_provider.py", directory, str(port), **environment)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        yield running
    finally:
        kill(running)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def reachable(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as asking:
        return asking.connect_ex((host, port)) == 0


def get(port: int, path: str, accept: str = "*/*") -> tuple[int, str | None, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Accept": accept})
    response = connection.getresponse()
    return response.status, response.getheader("Content-Type"), response.read()
