"""Scrapes by the SDK's own provider, of as many processes' files as asked for.

``sdk_provider.py PROCESSES TIMERS SHARE`` writes the files that so many workers with so many timers each
would have left, and runs the SDK's ``provide_metrics`` on them. For every line on standard input that
share of the values changes, a scrape is made, and the nanoseconds of processor time that it took are
printed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from conductor.client.configuration.settings.metrics_settings import MetricsSettings
from conductor.client.telemetry import metrics_collector_base
from prometheus_client import mmap_dict
from prometheus_client.mmap_dict import mmap_key

NAME = "task_seconds"
HELP = "How long tasks take."
# It has no types.
MmapedDict: Any = mmap_dict.MmapedDict
OUTCOMES = ("SUCCESS", "FAILURE", "TIMED_OUT")


class End(BaseException):
    """Nothing more is asked for."""


def keys(timer: int) -> list[str]:
    """The keys of what the SDK records of a timer: five quantiles, count and sum."""
    labels = {"task_type": f"task_type_{timer:03}", "status": OUTCOMES[timer % len(OUTCOMES)]}
    found = []
    for quantile in ("0.5", "0.75", "0.9", "0.95", "0.99"):
        shown = {**labels, "quantile": quantile}
        found.append(mmap_key(NAME, NAME, list(shown), list(shown.values()), HELP))
    for suffix in ("_count", "_sum"):
        name = NAME + suffix
        found.append(mmap_key(name, name, list(labels), list(labels.values()), HELP))
    return found


def main(processes: int, timers: int, share: float) -> None:
    """Write the files, then scrape them whenever that is asked for."""
    with tempfile.TemporaryDirectory() as directory:
        files = [MmapedDict(str(Path(directory, f"gauge_all_{1 + pid}.db"))) for pid in range(processes)]
        values = [(file, key) for file in files for timer in range(timers) for key in keys(timer)]
        for file, key in values:
            file.write_value(key, 0.0123456789, 0.0)
        settings = MetricsSettings(directory=directory, file_name="metrics.prom")
        written = Path(directory, settings.file_name)
        step = round(1 / share)
        scrapes = 0
        start = time.thread_time_ns()

        def sleep(_: float) -> None:
            # The provider sleeps between scrapes, so here one has just been made.
            nonlocal scrapes, start
            took = time.thread_time_ns() - start
            samples = [line for line in written.read_text().splitlines() if not line.startswith("#")]
            assert len(samples) == len(values) // processes, len(samples)
            print(took, flush=True)
            if not sys.stdin.readline():
                raise End
            scrapes += 1
            for file, key in values[scrapes % step :: step]:
                file.write_value(key, 0.0123456789 * scrapes, 0.0)
            start = time.thread_time_ns()

        metrics_collector_base.time = SimpleNamespace(sleep=sleep)
        try:
            metrics_collector_base.MetricsCollectorBase.provide_metrics(settings)
        except End:
            for file in files:
                file.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
