"""Tests metrics of the processes themselves."""

from __future__ import annotations

import errno
import gc
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.process_collector import ProcessCollector

import ictus
from harness import eventually
from ictus import process


def value(registry: ictus.Registry, name: str, **labels: object) -> float:
    number = registry.snapshot().value(name, **labels)
    assert number is not None
    return number


def test_process_metrics_equal_those_of_prometheus_client(directory: str) -> None:
    registry = ictus.Registry(directory)
    gc.disable()
    watched = process.watch(registry, interval=0.05)
    try:
        assert "ictus-process" in [thread.name for thread in threading.enumerate()]
        theirs = {
            sample.name: sample.value
            for metric in ProcessCollector(registry=None).collect()
            for sample in metric.samples
        }
        pid = os.getpid()
        # At its second reading, the memory includes that of the watch's thread.
        deadline = time.monotonic() + 10
        memory = ("process_resident_memory_bytes", "process_virtual_memory_bytes")
        while any(abs(value(registry, name, pid=pid) / theirs[name] - 1) >= 0.2 for name in memory):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        # Listing the descriptors opens one more.
        assert abs(value(registry, "process_open_fds", pid=pid) - theirs["process_open_fds"]) <= 3
        started = value(registry, "process_start_time_seconds", pid=pid)
        assert abs(started - theirs["process_start_time_seconds"]) < 2
        # The watch's thread may be missing, because it starts after the first reading; other threads
        # may end.
        threads = len(list(Path("/proc/self/task").iterdir()))
        assert abs(value(registry, "process_threads", pid=pid) - threads) <= 3
        assert 0 < value(registry, "process_cpu_seconds") <= time.process_time()
        gc.collect()
        gc.collect(0)
        assert value(registry, "python_gc_collections", generation=2) == 1
        assert value(registry, "python_gc_collections", generation=0) == 1
        timing = registry.snapshot().timing("python_gc_duration_seconds", generation="2")
        assert timing is not None
        assert timing.count == 1
    finally:
        gc.enable()
        watched.close()
    previous = value(registry, "python_gc_collections", generation=2)
    gc.collect()
    assert value(registry, "python_gc_collections", generation=2) == previous


def test_forked_child_has_its_own_process_metrics(directory: str) -> None:
    registry = ictus.Registry(directory)
    watched = process.watch(registry)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0 if any(t.name == "ictus-process" for t in threading.enumerate()) else 1)
    os.close(reading)

    def pids() -> set[str]:
        family: Any = registry.snapshot().family("process_resident_memory_bytes")
        return {values[0] for values, _ in family.series}

    deadline = time.monotonic() + 60
    while pids() != {str(os.getpid()), str(child)} and time.monotonic() < deadline:
        time.sleep(0.01)
    assert pids() == {str(os.getpid()), str(child)}
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0
    assert pids() == {str(os.getpid())}
    watched.close()


def test_watch_continues_after_a_lack_of_descriptors(
    directory: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry = ictus.Registry(directory)
    read_text, fails = Path.read_text, threading.Event()

    def read(path: Path, *arguments: Any, **keywords: Any) -> str:
        if fails.is_set() and path == Path("/proc/self/stat"):
            raise OSError(errno.EMFILE, "Too many open files", str(path))
        return read_text(path, *arguments, **keywords)

    def logged() -> int:
        return sum("Too many open files" in line for line in caplog.messages)

    def await_lines(number: int) -> None:
        assert eventually(logged, lambda lines: lines >= number) == number

    monkeypatch.setattr(Path, "read_text", read)
    fails.set()
    watched = process.watch(registry, interval=0.01)
    try:
        pid = os.getpid()
        assert registry.snapshot().value("process_threads", pid=pid) is None
        await_lines(1)
        fails.clear()
        assert eventually(lambda: registry.snapshot().value("process_threads", pid=pid), bool)
        fails.set()
        await_lines(2)
        # Further failures of the same period.
        time.sleep(0.1)
        fails.clear()
        assert watched._thread.is_alive()
    finally:
        watched.close()
    # One line for each period of failure, not for each attempt.
    assert logged() == 2
