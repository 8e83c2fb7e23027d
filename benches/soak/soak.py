#!/usr/bin/env python3
"""Replaces workers for a long time, and records the memory, disk and time of an exporter that serves them.

Writes a line every few seconds, as CSV. The lines should stay flat.

    soak.py --seconds 1200 >soak.csv
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.request import urlopen

import ictus

if TYPE_CHECKING:
    from collections.abc import Iterator

ICTUS = Path(sys.executable).with_name("ictus")


class Load(NamedTuple):
    """The amount of work."""

    processes: int = 8
    threads: int = 8
    series: int = 2000
    life: float = 30.0
    """Seconds after which a process is killed and replaced."""
    pause: float = 0.25
    """Seconds between two observations of a series by a process. A shorter pause would saturate the
    machine.
    """


class Seen(NamedTuple):
    """The measurements at one time."""

    seconds: float
    observations: int
    exporter_mb: float
    directory_mb: float
    scrape_ms: float
    killed: int


def work(directory: str, load: Load) -> None:
    """Runs a process with several threads, each with its part of the series."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    registry = ictus.Registry(directory, max_series=2 * load.series)
    family = registry.timer("soak_seconds", "Of nothing.", ["series"])
    parent = os.getppid()

    def record(part: int) -> None:
        timers = [family.labels(str(number)) for number in range(part, load.series, load.threads)]
        while os.getppid() == parent:  # A killed parent cannot end its workers.
            for timer in timers:
                timer.observe(random.lognormvariate(-3, 1))
            time.sleep(load.pause)

    threads = [threading.Thread(target=record, args=(part,), daemon=True) for part in range(load.threads)]
    for thread in threads:
        thread.start()
    threads[0].join()


def memory_mb(pid: int) -> float:
    """Returns the memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    [line] = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def directory_mb(directory: str) -> float:
    """Returns the disk space of a metrics directory in MB."""
    total = 0
    for path in Path(directory, "ictus").iterdir():
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total / 1e6


def scrape(address: str) -> tuple[float, int]:
    """Returns the duration of a scrape in milliseconds, and the number of observations that it shows."""
    start = time.perf_counter()
    with urlopen(address, timeout=30) as answer:
        text = answer.read().decode()
    took = 1e3 * (time.perf_counter() - start)
    lines = (line for line in text.splitlines() if line.startswith("soak_seconds_count{"))
    return took, int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


def soak(seconds: float, every: float, load: Load) -> Iterator[Seen]:
    """Yields the measurements as they are taken."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="ictus-soak-", ignore_cleanup_errors=True) as directory:
        command = [str(ICTUS), "serve", directory, "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as exporter:
            assert exporter.stderr
            address = exporter.stderr.readline().split(" at ")[1].split(",")[0].strip()
            workers: list[tuple[float, multiprocessing.process.BaseProcess]] = []
            killed, start = 0, time.monotonic()
            try:
                while (now := time.monotonic() - start) < seconds:
                    for born, worker in list(workers):
                        if now - born > load.life and worker.pid:
                            os.kill(worker.pid, signal.SIGKILL)
                            worker.join()
                            workers.remove((born, worker))
                            killed += 1
                    while len(workers) < load.processes:
                        worker = context.Process(target=work, args=(directory, load))
                        worker.start()
                        # Stagger the first workers, so that they do not all end at once later.
                        born = now - load.life * len(workers) / load.processes if now < every else now
                        workers.append((born, worker))
                    time.sleep(every)
                    took, observations = scrape(address)
                    now = time.monotonic() - start
                    yield Seen(
                        round(now, 1),
                        observations,
                        round(memory_mb(exporter.pid), 1),
                        round(directory_mb(directory), 1),
                        round(took, 1),
                        killed,
                    )
            finally:
                for _, worker in workers:
                    worker.kill()
                    worker.join()
                exporter.terminate()


def main() -> None:
    """Prints the measurements."""
    parser = argparse.ArgumentParser(description="Workers that come and go, and what an exporter takes.")
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--every", type=float, default=5)
    parser.add_argument("--processes", type=int, default=Load().processes)
    options = parser.parse_args()
    writer = csv.writer(sys.stdout)
    writer.writerow(Seen._fields)
    for seen in soak(options.seconds, options.every, Load(processes=options.processes)):
        writer.writerow(seen)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
