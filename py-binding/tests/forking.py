"""Forks repeatedly while other threads record; each child records as well, and ends."""

from __future__ import annotations

import os
import sys
import threading

from ictus.conductor import MetricsCollector, MetricsSettings

FORKS = 100
collector = MetricsCollector(MetricsSettings(sys.argv[1]))
stop = threading.Event()


def record() -> None:
    number = 0
    while not stop.is_set():
        number += 1
        # Creates a new series now and then: the slow path holds locks that the fast path does not.
        collector.increment_task_poll(f"task {number % 2000 // 10}")
        collector.record_task_poll_time("t", 0.1)
        collector.registry.get_sample_value("no_such_name")


threads = [threading.Thread(target=record) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(FORKS):
    child = os.fork()
    if child == 0:
        collector.increment_task_paused("child")
        collector.record_task_execute_time("child", 0.1)
        # Creates a series and reads, although threads of the parent may have held locks at the fork.
        collector.increment_task_poll(f"child {os.getpid()}")
        collector.registry.get_sample_value("no_such_name")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
