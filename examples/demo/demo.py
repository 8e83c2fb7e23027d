"""Runs real Conductor workers for some seconds and shows what Ictus measured.

Starts a loopback Conductor (``../conductor_stub.py``) and the SDK program beside this file (``worker.py``),
waits, reads the workers' ``/metrics`` and prints every timer and every counter. Needs the wheel of Ictus and
``conductor-python``; ``make demo`` sets both up.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from conductor_stub import Counts, Stub  # noqa: E402

QUANTILES = ("0.5", "0.75", "0.9", "0.95", "0.99")

NOTHING = float("nan")

Labels = tuple[tuple[str, str], ...]
"""Names and values."""

SAME_TIMER = {"api_request_time_seconds": "http_api_client_request"}
"""Timers that are shown under two names: the second one has the row in the table."""

START_SECONDS = 60.0
"""How long the workers may take until their first poll."""

STOP_SECONDS = 15.0
"""How long the workers may take to end when they are told to."""


# Reading the text format


@dataclass(frozen=True)
class Sample:
    """One line of an exposition."""

    name: str
    labels: Labels
    value: float


_SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})?[ \t]+(?P<value>\S+)(?:[ \t]+-?\d+)?\s*"
)
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


def parse(text: str) -> tuple[list[Sample], dict[str, str]]:
    """The samples of an exposition in Prometheus' text format, and the type of each family."""
    samples: list[Sample] = []
    types: dict[str, str] = {}
    for line in text.split("\n"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(maxsplit=3)
            types[name] = kind
        elif line and not line.startswith("#"):
            match = _SAMPLE.fullmatch(line)
            if match is None:
                raise ValueError(f"not a line of the text format: {line!r}")
            labels = tuple(_labels(match["labels"] or ""))
            samples.append(Sample(match["name"], labels, float(match["value"])))
    return samples, types


def _labels(text: str) -> Iterator[tuple[str, str]]:
    """The label pairs between the braces of a sample, unescaped."""
    position = 0
    while position < len(text):
        match = _LABEL.match(text, position)
        if match is None:
            raise ValueError(f"not a list of labels: {text!r}")
        yield match[1], re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), match[2])
        position = match.end()


@dataclass
class Timer:
    """One timer series: the quantiles of its window, its count and its sum."""

    name: str
    labels: Labels
    quantiles: dict[str, float]
    count: float
    total: float


def timers(samples: Iterable[Sample]) -> list[Timer]:
    """The timers of an exposition: whatever has quantiles."""
    plain: dict[tuple[str, Labels], float] = {}
    quantiles: dict[tuple[str, Labels], dict[str, float]] = {}
    for sample in samples:
        quantile = dict(sample.labels).get("quantile")
        labels = ordered(tuple(label for label in sample.labels if label[0] != "quantile"))
        if quantile is None:
            plain[sample.name, labels] = sample.value
        else:
            quantiles.setdefault((sample.name, labels), {})[quantile] = sample.value
    return [
        Timer(
            name,
            labels,
            window,
            plain.get((f"{name}_count", labels), NOTHING),
            plain.get((f"{name}_sum", labels), NOTHING),
        )
        for (name, labels), window in sorted(quantiles.items())
    ]


# Printing


def duration(seconds: float) -> str:
    """Three digits and a unit: ``853 µs``, ``12.3 ms``, ``1.24 s``."""
    if math.isnan(seconds):
        return "-"
    # What would be rounded to 1000 of a unit is 1.00 of the next.
    unit, size = next(((u, s) for u, s in (("s", 1), ("ms", 1e-3)) if seconds >= 0.9995 * s), ("µs", 1e-6))
    value = seconds / size
    return f"{value:,.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"


def number(value: float) -> str:
    """A whole number with separators."""
    return "-" if math.isnan(value) else f"{value:,.0f}"


class Screen:
    """Standard output: a line that is redrawn in a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = self.terminal and not os.environ.get("NO_COLOR")
        self._last = 0.0

    def bold(self, text: str) -> str:
        """Text that stands out, where colours are wanted."""
        return f"\033[1m{text}\033[0m" if self._colour else text

    def dim(self, text: str) -> str:
        """Text that stands back, where colours are wanted."""
        return f"\033[2m{text}\033[0m" if self._colour else text

    def line(self, text: str = "") -> None:
        """Print a line that stays."""
        print(f"\r\033[K{text}" if self.terminal else text, flush=True)

    def progress(self, text: str) -> None:
        """Redraw the progress line; elsewhere than in a terminal print it every five seconds."""
        if self.terminal:
            width = os.get_terminal_size().columns
            print(f"\r\033[K{text[: width - 1]}", end="", flush=True)
        elif time.monotonic() - self._last >= 5:
            self._last = time.monotonic()
            print(text, flush=True)

    def table(self, titles: Sequence[str], groups: Mapping[str, Sequence[Row]]) -> None:
        """Print groups of rows, each under its name, with one set of column widths for all of them."""
        rows = [row for group in groups.values() for row in group]
        label_widths = [
            max(map(len, column)) + 2
            for column in itertools.zip_longest(*(row.labels for row in rows), fillvalue="")
        ]
        widths = [
            max(map(len, column)) + 2 for column in zip(titles, *(row.cells for row in rows), strict=True)
        ]
        left = max([sum(label_widths) + 2, *(len(name) + 1 for name in groups)])
        for name, group in groups.items():
            self.line(self.bold(name.ljust(left)) + self.dim(_right(titles, widths)))
            for row in group:
                labels = "".join(
                    value.ljust(width) for value, width in zip(row.labels, label_widths, strict=False)
                )
                self.line(f"  {labels}".ljust(left) + _right(row.cells, widths))
            self.line()


@dataclass(frozen=True)
class Row:
    """A line of a table: label values, then numbers."""

    labels: list[str]
    cells: list[str]


def _right(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Cells of a line, each against the right edge of its column."""
    return "".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def show(screen: Screen, samples: list[Sample], types: dict[str, str]) -> None:
    """Print the timers and the counters of an exposition."""
    found = timers(samples)
    names = {timer.name for timer in found}
    hidden = sorted(name for name, shown in SAME_TIMER.items() if {name, shown} <= names)
    rows: dict[str, list[Row]] = {}
    for timer in found:
        if timer.name not in hidden:
            cells = [duration(timer.quantiles.get(quantile, NOTHING)) for quantile in QUANTILES]
            cells += [number(timer.count), duration(timer.total)]
            rows.setdefault(heading(timer.name, timer.labels), []).append(Row(values(timer.labels), cells))
    screen.table(("p50", "p75", "p90", "p95", "p99", "count", "sum"), rows)
    rows = {}
    for name, labels, value in sorted(
        (sample.name, ordered(sample.labels), sample.value) for sample in samples if is_counter(sample, types)
    ):
        rows.setdefault(heading(name, labels), []).append(Row(values(labels), [number(value)]))
    screen.table(("total",), rows)
    for name in hidden:
        screen.line(f"{SAME_TIMER[name]} is also there as {name}, its name in the SDK's documentation.")


def is_counter(sample: Sample, types: dict[str, str]) -> bool:
    """Whether to show a sample as a counter: not those about Ictus itself that say that all is well."""
    if sample.name.startswith("ictus_") and sample.value == 0:
        return False
    return "counter" in (types.get(sample.name), types.get(sample.name.removesuffix("_total")))


def ordered(labels: Labels) -> Labels:
    """Labels by name, but the task type first: it is what one looks for."""
    return tuple(sorted(labels, key=lambda label: (label[0] != "taskType", label)))


def values(labels: Labels) -> list[str]:
    """The values of some labels, fit for a table."""
    return [short(value) for _, value in labels]


def heading(name: str, labels: Labels) -> str:
    """The name of a family and of its labels."""
    keys = ", ".join(key for key, _ in labels)
    return f"{name} {{{keys}}}" if keys else name


def short(text: str, limit: int = 44) -> str:
    """A label value on one line, cut in the middle if it is long."""
    text = text.replace("\n", "↵")
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-limit // 2 + 1 :]}"


# Running


class Failure(Exception):
    """The demonstration cannot go on; the message says why."""


@contextmanager
def workers(stub: Stub, port: int, seconds: float, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``worker.py`` in a session of its own; leave none of its processes behind."""
    environment = dict(os.environ)
    for name in (
        "WORKER_CANONICAL_METRICS",
        "PROMETHEUS_MULTIPROC_DIR",
        "CONDUCTOR_AUTH_KEY",
        "CONDUCTOR_AUTH_SECRET",
    ):
        environment.pop(name, None)
    environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1"
    command = [sys.executable, str(HERE / "worker.py"), "--server", f"{stub.url}/api", "--port", str(port)]
    command += ["--directory", str(directory / "metrics"), "--seconds", str(seconds + START_SECONDS)]
    with (directory / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        interrupt = signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # Ending takes a moment, and must not be cut short.
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        # Helpers of multiprocessing end a moment after their parent; whatever is still there then is ended.
        if not wait_for(lambda: not session_lives(process.pid), 2):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        signal.signal(signal.SIGINT, interrupt)


def session_lives(leader: int) -> bool:
    """Whether a process of that session is left."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until something holds, at most so long; whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(url: str) -> str:
    """Read an endpoint of this machine, past any proxy; wait a little for one that has just started."""
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


def total(counts: dict[str, Counts], name: str) -> int:
    """A count of the server, over all task types."""
    return sum(int(getattr(entry, name)) for entry in counts.values())


def watch(screen: Screen, stub: Stub, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Show progress until the time is over or somebody presses Ctrl-C."""
    begin: float | None = None
    launched = time.monotonic()
    while True:
        now = time.monotonic()
        counts = stub.counts
        if process.poll() is not None:
            raise Failure(f"worker.py ended by itself, with status {process.returncode}")
        if begin is None:
            if total(counts, "polls"):
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
            polls, tasks, failed = (total(counts, name) for name in ("polls", "completed", "failed"))
            errors = total(counts, "poll_errors") + total(counts, "update_errors")
            screen.progress(
                f"  {bar}{passed:.0f}/{seconds:.0f} s  {polls:,} polls  {tasks:,} tasks  {failed:,} failed  "
                f"{errors} x HTTP 500"
            )
            if passed >= seconds:
                return
        time.sleep(0.1 if screen.terminal else 0.2)


def run(seconds: float, port: int, directory: Path) -> None:
    """The demonstration."""
    screen = Screen()
    endpoint = f"http://127.0.0.1:{port}/metrics"
    with Stub() as stub, workers(stub, port, seconds, directory) as process:
        screen.line(
            screen.bold(f"Workers of conductor-python {metadata.version('conductor-python')}, timed by Ictus")
        )
        screen.line(f"  Conductor  {stub.url} (a stand-in: some answers are slow, some are HTTP 500)")
        screen.line("  workers    resize_image (sync), fetch_price (async), charge_card (fails now and then)")
        screen.line(f"  metrics    {endpoint}")
        screen.line()
        try:
            watch(screen, stub, process, seconds)
        except KeyboardInterrupt:
            if not stub.counts:
                raise
            screen.line("  stopped early")
        before = total(stub.counts, "polls")
        samples, types = parse(fetch(endpoint))
        if not timers(samples):
            raise Failure(f"{endpoint} shows no timers")
        screen.line()
        show(screen, samples, types)
        # A poll is counted before it is sent: the last ones may still be on their way.
        polls = sum(sample.value for sample in samples if sample.name == "task_poll_total")
        wait_for(lambda: total(stub.counts, "polls") >= polls, 2)
        if not before <= polls <= total(stub.counts, "polls"):
            raise Failure(
                f"task_poll_total is {polls:,.0f}, but the server received {before:,} polls until then"
            )
        screen.line(f"Polls counted by the workers: {polls:,.0f}; by the server a moment before: {before:,}.")
        screen.line(f"Read from {endpoint}, where any Prometheus can read while the workers run.")


def main() -> int:
    """Run the demonstration; the exit status."""
    parser = argparse.ArgumentParser(
        description="Runs Conductor workers for some seconds and shows their timers."
    )
    parser.add_argument(
        "--seconds", type=float, default=20, help="how long the workers run (default: %(default)s)"
    )
    parser.add_argument("--port", type=int, default=0, help="port of /metrics (default: any free one)")
    options = parser.parse_args()
    if options.seconds <= 0:
        parser.error("--seconds must be positive")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="ictus-demo-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        try:
            run(options.seconds, options.port or free_port(), directory)
        except KeyboardInterrupt:
            print(flush=True)
            return 130
        except BrokenPipeError:  # Whoever was reading has enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except Failure as failure:
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
