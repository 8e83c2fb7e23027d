"""Measures scrapes by the SDK's own provider, of the files of a given number of processes.

``sdk_provider.py PROCESSES TIMERS SHARE`` writes the files that this many workers with this many
timers each would leave, and runs the SDK's ``provide_metrics`` on them. For every line on standard
input, that share of the values changes and a scrape is made. The program prints the processor time of
the scrape in nanoseconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from conductor.client.configuration.settings.metrics_settings import MetricsSettings
from conductor.client.telemetry import metrics_collector_base
from worker_files import WorkerFiles


class End(BaseException):
    """Raised at the end of standard input."""


def main(processes: int, timers: int, share: float) -> None:
    """Writes the files, then scrapes them once for each line on standard input."""
    with tempfile.TemporaryDirectory() as directory:
        files = WorkerFiles(Path(directory), "all", processes, timers)
        settings = MetricsSettings(directory=directory, file_name="metrics.prom")
        written = Path(directory, settings.file_name)
        step = round(1 / share)
        scrapes = 0
        start = time.thread_time_ns()

        def sleep(_: float) -> None:
            # The provider sleeps between scrapes, so a scrape has just ended here.
            nonlocal scrapes, start
            took = time.thread_time_ns() - start
            samples = [line for line in written.read_text().splitlines() if not line.startswith("#")]
            assert len(samples) == len(files.values) // processes, len(samples)
            print(took, flush=True)
            if not sys.stdin.readline():
                raise End
            scrapes += 1
            files.write(files.values[scrapes % step :: step], 0.0123456789 * scrapes)
            start = time.thread_time_ns()

        metrics_collector_base.time = SimpleNamespace(sleep=sleep)
        try:
            metrics_collector_base.MetricsCollectorBase.provide_metrics(settings)
        except End:
            files.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
