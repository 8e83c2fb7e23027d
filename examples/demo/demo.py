"""Runs real Conductor workers for some seconds and shows their measurements.

Starts a loopback Conductor (``conductor_stub.py``) or a real server, and the SDK program in this
folder (``worker.py``). Waits, reads the workers' ``/metrics`` and prints every timer and every
counter. Needs the wheel of Ictus and ``conductor-python``; ``make demo`` installs both.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "testing" / "server")]
from exposition import parse, timers  # noqa: E402
from screen import Screen, show  # noqa: E402
from server import free_port  # noqa: E402
from servers import Conductor, Unavailable, conductor  # noqa: E402

__all__ = ["free_port"]
"""Names imported from other modules."""

START_SECONDS = 60.0
"""Timeout for the workers' first poll."""

STOP_SECONDS = 15.0
"""Timeout for the end of the workers after their termination signal."""


class Failure(Exception):
    """The demonstration cannot continue; the message gives the reason."""


@contextmanager
def workers(
    url: str, port: int, seconds: float, directory: Path, python: str = sys.executable
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs ``worker.py`` in a separate session; leaves none of its processes behind."""
    environment = dict(os.environ)
    for name in (
        "WORKER_CANONICAL_METRICS",
        "PROMETHEUS_MULTIPROC_DIR",
        "CONDUCTOR_AUTH_KEY",
        "CONDUCTOR_AUTH_SECRET",
    ):
        environment.pop(name, None)
    environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1"
    command = [python, str(HERE / "worker.py"), "--server", f"{url}/api", "--port", str(port)]
    command += ["--directory", str(directory / "metrics"), "--seconds", str(seconds + START_SECONDS)]
    with (directory / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        interrupt = signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # Ending takes a moment, and must not be interrupted.
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        # Helpers of multiprocessing end a moment after their parent; any that remain then are killed.
        if not wait_for(lambda: not session_lives(process.pid), 2):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        signal.signal(signal.SIGINT, interrupt)


def session_lives(leader: int) -> bool:
    """Returns whether a process of that session is left."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Waits at most that long for a condition; returns whether it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def fetch(url: str) -> str:
    """Reads an endpoint of this machine, without a proxy; retries for a moment if it has just started."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 5
    while True:
        try:
            with opener.open(url, timeout=10) as response:
                text: str = response.read().decode()
                return text
        except OSError as error:
            if time.monotonic() >= deadline:
                raise Failure(f"{url} does not answer: {error}") from error
            time.sleep(0.1)


def watch(screen: Screen, served: Conductor, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Shows progress until the time has passed or the user presses Ctrl-C."""
    begin: float | None = None
    launched = time.monotonic()
    while True:
        now = time.monotonic()
        totals = served.totals()
        if process.poll() is not None:
            raise Failure(f"worker.py ended by itself, with status {process.returncode}")
        if begin is None:
            if totals.polls:
                begin = now
            elif now - launched > START_SECONDS:
                raise Failure(f"no worker polled within {START_SECONDS:.0f} s")
            else:
                screen.progress("  starting the workers ...")
        else:
            passed = min(now - begin, seconds)
            width = 20
            done = round(width * passed / seconds)
            bar = "━" * done + "─" * (width - done) + "  " if screen.terminal else ""
            screen.progress(
                f"  {bar}{passed:.0f}/{seconds:.0f} s  {totals.polls:,} polls  {totals.completed:,} tasks  "
                f"{totals.failed:,} failed  {totals.errors} x HTTP 500"
            )
            if passed >= seconds:
                return
        time.sleep(served.pause)


def run(kind: str, seconds: float, port: int, directory: Path) -> None:
    """Runs the demonstration."""
    screen = Screen()
    endpoint = f"http://127.0.0.1:{port}/metrics"
    if kind == "real":
        screen.progress("  starting the server ...")
    with conductor(kind, directory) as served, workers(served.url, port, seconds, directory) as process:
        screen.line(
            screen.bold(f"Workers of conductor-python {metadata.version('conductor-python')}, timed by Ictus")
        )
        screen.line(f"  Conductor  {served.url} ({served.about})")
        screen.line("  workers    resize_image (sync), fetch_price (async), charge_card (fails now and then)")
        screen.line(f"  metrics    {endpoint}")
        screen.line(f"  live page  {endpoint.removesuffix('metrics')} in a browser, as long as this runs")
        screen.line()
        try:
            watch(screen, served, process, seconds)
        except KeyboardInterrupt:
            if not served.totals().polls:
                raise
            screen.line("  stopped early")
        previous = served.totals().polls
        samples, types = parse(fetch(endpoint))
        if not timers(samples):
            raise Failure(f"{endpoint} shows no timers")
        screen.line()
        show(screen, samples, types)
        # A poll is counted before it is sent: the last ones may still be in flight.
        polls = sum(sample.value for sample in samples if sample.name == "task_poll_total")
        wait_for(lambda: served.totals().polls >= polls, 5)
        if not previous <= polls <= served.totals().polls:
            raise Failure(
                f"task_poll_total is {polls:,.0f}, but the server received {previous:,} polls until then"
            )
        screen.line(
            f"Polls counted by the workers: {polls:,.0f}; by the server a moment before: {previous:,}."
        )
        screen.line(f"Read from {endpoint}, where any Prometheus can read while the workers run.")


def main() -> int:
    """Runs the demonstration; returns the exit status."""
    parser = argparse.ArgumentParser(
        description="Runs Conductor workers for some seconds and shows their timers."
    )
    parser.add_argument(
        "--seconds", type=float, default=20, help="how long the workers run (default: %(default)s)"
    )
    parser.add_argument(
        "--server",
        choices=("stand-in", "real"),
        default="stand-in",
        help="whom they work for: a loopback Conductor, or a real server (400 MB from Maven Central, once)",
    )
    parser.add_argument("--port", type=int, default=0, help="port of /metrics (default: any free one)")
    options = parser.parse_args()
    if options.seconds <= 0:
        parser.error("--seconds must be positive")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="ictus-demo-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        try:
            run(options.server, options.seconds, options.port or free_port(), directory)
        except KeyboardInterrupt:
            print(flush=True)
            return 130
        except BrokenPipeError:  # The reader has closed the pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except (Failure, Unavailable) as failure:
            print(f"\ndemo: {failure}", file=sys.stderr)
            log = directory / "worker.log"
            lines = log.read_text(errors="replace").splitlines() if log.exists() else []
            if lines:
                print(
                    "The last lines of worker.py:",
                    *(f"  {line}" for line in lines[-15:]),
                    sep="\n",
                    file=sys.stderr,
                )
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
