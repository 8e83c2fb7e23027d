"""Metrics of the processes themselves: processor time, memory, descriptors, garbage collection.

They have the names of ``prometheus_client``. Totals are sums over all processes, running and ended. Gauges
have a series for each running process, with its ``pid``.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ictus import Registry

_PROC = Path("/proc/self")
_log = logging.getLogger("ictus")
_watches: weakref.WeakSet[Watch] = weakref.WeakSet()


class Watch:
    """Samples this process and each forked child periodically, until ``close()``."""

    def __init__(self, registry: Registry, interval: float) -> None:
        self._interval = interval
        self._failed = False
        self._cpu = registry.counter("process_cpu_seconds", "Processor time spent, user and system.")
        self._memory = registry.gauge("process_resident_memory_bytes", "Resident memory.", ["pid"])
        self._virtual = registry.gauge("process_virtual_memory_bytes", "Virtual memory.", ["pid"])
        self._descriptors = registry.gauge("process_open_fds", "Open file descriptors.", ["pid"])
        self._threads = registry.gauge("process_threads", "Threads.", ["pid"])
        self._start = registry.gauge(
            "process_start_time_seconds", "When the process started, in seconds since 1970.", ["pid"]
        )
        collections = registry.counter(
            "python_gc_collections", "Garbage collections, by generation.", ["generation"]
        )
        collected = registry.counter(
            "python_gc_objects_collected", "Objects collected, by generation.", ["generation"]
        )
        durations = registry.timer(
            "python_gc_duration_seconds", "How long garbage collections took.", ["generation"]
        )
        # Created here, because nothing may be created during a garbage collection.
        self._collections = [collections.labels(number) for number in range(3)]
        self._collected = [collected.labels(number) for number in range(3)]
        self._durations = [durations.labels(number) for number in range(3)]
        self._began = 0.0
        self._spent = 0.0
        self._sample_unless_exhausted()
        self._start_thread()
        gc.callbacks.append(self._on_collection)
        _watches.add(self)

    def close(self) -> None:
        """Stops sampling. The gauges of this process stay until the process ends."""
        self._ended.set()
        self._thread.join()
        _watches.discard(self)
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)

    def _begin_in_child(self) -> None:
        # A forked child has no copy of the thread, and its CPU time starts at zero.
        self._spent = 0.0
        self._failed = False
        self._try_to_sample()
        self._start_thread()

    def _start_thread(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ictus-process", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        ended = self._ended
        while not ended.wait(self._interval):
            self._try_to_sample()

    def _sample_unless_exhausted(self) -> None:
        # A permanent lack, such as a missing /proc, is raised to the caller.
        try:
            self._sample()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                raise
            self._log_failure(error)

    def _try_to_sample(self) -> None:
        # A process without free descriptors or memory will have some again later.
        try:
            self._sample()
        except Exception as error:
            self._log_failure(error)
        else:
            self._failed = False

    def _log_failure(self, error: Exception) -> None:
        if not self._failed:
            _log.warning("the metrics of this process are not up to date: %s; trying again", error)
        self._failed = True

    def _sample(self) -> None:
        spent = time.process_time()
        self._cpu.inc(spent - self._spent)
        self._spent = spent
        pid = str(os.getpid())
        # The fields of proc(5) from `state` on, which follow the name. The name may contain blanks
        # and brackets.
        fields = (_PROC / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        ticks, booted = os.sysconf("SC_CLK_TCK"), time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        self._threads.labels(pid).set(int(fields[17]))
        self._start.labels(pid).set(round(booted + int(fields[19]) / ticks, 2))
        self._virtual.labels(pid).set(int(fields[20]))
        self._memory.labels(pid).set(int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))
        self._descriptors.labels(pid).set(len(list((_PROC / "fd").iterdir())))

    def _on_collection(self, phase: str, info: dict[str, Any]) -> None:
        generation = info["generation"]
        if phase == "start":
            self._began = time.perf_counter()
            return
        self._durations[generation].observe(time.perf_counter() - self._began)
        self._collections[generation].inc()
        self._collected[generation].inc(info["collected"])


def _after_fork() -> None:
    for watch in list(_watches):
        watch._begin_in_child()


os.register_at_fork(after_in_child=_after_fork)


def watch(registry: Registry, interval: float = 10.0) -> Watch:
    """Samples this process every ``interval`` seconds, on a thread named ``ictus-process``.

    Forked children sample themselves. Works on Linux only: raises ``OSError`` if ``/proc`` does not exist.
    """
    return Watch(registry, interval)
