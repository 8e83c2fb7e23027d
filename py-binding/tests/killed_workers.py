"""Forks workers that observe without end, and kills each at a random instant.

A worker writes a byte into a pipe for each observation that has returned. After each kill the total
number of bytes is printed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from typing import NoReturn

from ictus.conductor import MetricsCollector, MetricsSettings


def main(directory: str, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    settings = MetricsSettings(directory=directory)
    inherited = MetricsCollector(settings)
    reported = 0
    for number in range(kills):
        returned, report = os.pipe()
        worker = os.fork()
        if worker == 0:
            os.close(returned)
            # Every other worker records through the segment that its parent has opened.
            work(inherited if number % 2 else MetricsCollector(settings), report)
        os.close(report)
        # Waits for some first reports: a kill before them proves nothing.
        reported += len(os.read(returned, rng.choice([1, 1, 100])))
        time.sleep(rng.uniform(0, 0.01))
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        while drained := os.read(returned, 1 << 16):
            reported += len(drained)
        os.close(returned)
        print(reported, flush=True)


def work(collector: MetricsCollector, report: int) -> NoReturn:
    try:
        while True:
            collector.record_task_execute_time("doomed", 0.001)
            os.write(report, b".")
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
