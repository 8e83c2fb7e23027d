"""``prometheus_client``'s own HTTP server, with metrics that a given number of processes has recorded.

``prometheus_client_server.py PROCESSES TIMERS RATE`` prints the port. With one process, the series are in
the memory of the server's process, which uses no files. Otherwise they are in files, as that many workers
would leave them, and the server is a separate process. For every line on standard input, the program starts
or stops observing RATE times a second, and prints a line when the change is in effect.
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

    # The port, and for each timer the function that records an observation.
    Served = tuple[int, list[Callable[[float], None]]]

# Seconds between two rounds of due observations.
RECORD_INTERVAL = 0.001


def start(registry: CollectorRegistry) -> int:
    """Starts the server and returns its port."""
    server, _ = start_http_server(0, addr="127.0.0.1", registry=registry)
    return server.server_port


@contextmanager
def in_memory(timers: int) -> Iterator[Served]:
    """Serves the metrics of this process."""
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
    """Serves the metrics that these processes would have recorded, from a separate process."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as directory:
        files = WorkerFiles(Path(directory), "max", processes, timers)
        ours, theirs = context.Pipe()
        server = context.Process(target=serve, args=(directory, theirs))
        server.start()
        theirs.close()

        def timer(at: int) -> Callable[[float], None]:
            # Two values of a timer change, its count and its sum. The computation of its quantiles is
            # not measured.
            changed = files.values[at + len(QUANTILES) : at + len(QUANTILES) + 2]
            return lambda value: files.write(changed, value)

        yield ours.recv(), [timer(at) for at in range(0, len(files.values), len(QUANTILES) + 2)]
        ours.close()
        server.join()
        files.close()


def serve(directory: str, parent: Connection) -> None:
    """Serves until the parent has ended."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
    parent.send(start(registry))
    with suppress(EOFError):
        parent.recv()


def observe(timers: list[Callable[[float], None]], rate: float) -> None:
    """Observes with one timer after the other, until there is something to read."""
    timers_in_turn = cycle(timers)
    start_time, recorded = time.monotonic(), 0
    while not select.select([sys.stdin], [], [], RECORD_INTERVAL)[0]:
        due = int((time.monotonic() - start_time) * rate)
        for count in range(recorded, due):
            next(timers_in_turn)(0.0123456789 * (2 + count))
        recorded = due


def main(processes: int, timers: int, rate: float) -> None:
    """Serves, and starts or stops observing for each line on standard input."""
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
