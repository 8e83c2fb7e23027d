"""``prometheus_client``'s own HTTP server, on what as many processes as asked for have recorded.

``http_peer.py PROCESSES TIMERS RATE`` prints the port. With one process, the series are in the memory of the
server's own, which takes no files; else they are in the files that so many workers would have left, and the
server has a process of its own. For every line on standard input it begins or ceases to observe so many times
a second, and prints a line when that is so.
"""

from __future__ import annotations

import multiprocessing
import select
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector
from worker_files import HELP, NAME, QUANTILES, WorkerFiles, labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    # Where it listens, and how each timer records an observation.
    Served = tuple[int, list[Callable[[float], None]]]

# Seconds between the turns in which the observations are made that are due.
TURN = 0.001


def start(registry: CollectorRegistry) -> int:
    """Start the server, and give its port."""
    server, _ = start_http_server(0, addr="127.0.0.1", registry=registry)
    return server.server_port


@contextmanager
def in_memory(timers: int) -> Iterator[Served]:
    """Serve what this process records."""
    registry = CollectorRegistry()
    names = list(labels(0))
    quantiles = Gauge(NAME, HELP, [*names, "quantile"], registry=registry)
    counts, sums = (Gauge(NAME + suffix, HELP, names, registry=registry) for suffix in ("_count", "_sum"))

    def timer(at: int) -> Callable[[float], None]:
        values = labels(at).values()
        for quantile in QUANTILES:
            quantiles.labels(*values, quantile).set(0.0123456789)
        count, total = counts.labels(*values), sums.labels(*values)

        def observe(value: float) -> None:
            count.inc()
            total.inc(value)

        observe(0.0123456789)
        return observe

    all_timers = [timer(at) for at in range(timers)]
    yield start(registry), all_timers


@contextmanager
def in_files(processes: int, timers: int) -> Iterator[Served]:
    """Serve what these processes would have recorded, from a process of its own."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as directory:
        files = WorkerFiles(Path(directory), "max", processes, timers)
        ours, theirs = context.Pipe()
        server = context.Process(target=serve, args=(directory, theirs))
        server.start()
        theirs.close()

        def timer(at: int) -> Callable[[float], None]:
            # Of each timer two values change; that its quantiles are computed is not asked for.
            changed = files.values[at + len(QUANTILES) : at + len(QUANTILES) + 2]
            return lambda value: files.write(changed, value)

        yield ours.recv(), [timer(at) for at in range(0, len(files.values), len(QUANTILES) + 2)]
        ours.close()
        server.join()
        files.close()


def serve(directory: str, parent: Connection) -> None:
    """Serve until the parent is gone."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
    parent.send(start(registry))
    with suppress(EOFError):
        parent.recv()


def observe(timers: list[Callable[[float], None]], rate: float) -> None:
    """Observe with one timer after the other, until there is something to read."""
    turns = cycle(timers)
    begun, made = time.monotonic(), 0
    while not select.select([sys.stdin], [], [], TURN)[0]:
        due = int((time.monotonic() - begun) * rate)
        for count in range(made, due):
            next(turns)(0.0123456789 * (2 + count))
        made = due


def main(processes: int, timers: int, rate: float) -> None:
    """Serve, and observe when told to."""
    with in_memory(timers) if processes == 1 else in_files(processes, timers) as (port, all_timers):
        print(port, flush=True)
        observing = False
        while sys.stdin.readline():
            observing = not observing
            print(observing, flush=True)
            if observing:
                observe(all_timers, rate)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
