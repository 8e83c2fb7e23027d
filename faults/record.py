"""Records on the commands of matrix.py, from Python or through the drop-in for conductor-python."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
import time
from typing import Any

import ictus

COMMANDS, ANSWERS = 200, 201
#: Below the limit of series of a family.
MAX_CHURN = 500


def read() -> None:
    """Prints the metrics in each directory that standard input names."""
    for line in sys.stdin:
        name, directory = line.split()
        try:
            snapshot = ictus.read(directory)
            families = [family for family in snapshot.families if family.name == name]
            for labels, timing in (series for family in families for series in family.series):
                if isinstance(timing, ictus.Timing):
                    print("series", labels[-1], timing.count, timing.sum)
            print("end")
        except OSError as error:
            print("failed", error)
        sys.stdout.flush()


class Recorder:
    """Executes its commands until their end."""

    def __init__(self, kind: str, directory: str) -> None:
        self.host = ctypes.PyDLL(os.environ["FAULTS_HOST"])
        self.directory = directory
        self.churns = False
        self.objects: list[Any] = []
        if kind == "dropin":
            from ictus.conductor import MetricsSettings, create_metrics_collector  # noqa: PLC0415

            self.objects = [create_metrics_collector(MetricsSettings(directory=directory))]
        else:
            registry = ictus.Registry(directory)
            self.objects = [registry.timer("work_seconds", "Work.", ["label"]), registry]

    def observe(self, label: str, value: float) -> None:
        recorder = self.objects[0]
        if len(self.objects) == 1:
            recorder.record_task_execute_time(label, value)
        else:
            recorder.labels(label).observe(value)

    def record(self, label: str, start: int, count: int) -> None:
        for number in range(start + 1, start + count + 1):
            self.observe(label, number)

    def grow(self, prefix: str, start: int, count: int) -> None:
        for n in range(start, start + count):
            self.record(f"{prefix}{n}", 0, 10)

    def churn(self) -> None:
        created = 0
        while self.churns and created < MAX_CHURN:
            self.grow("churn", created, 1)
            created += 1
            self.host.host_progress(created)
            time.sleep(0.0005)

    def begin_churn(self) -> None:
        self.churns = True
        self.thread = threading.Thread(target=self.churn, daemon=True)
        self.thread.start()

    def child(self, pid: int, label: str, count: int) -> str:
        if pid == 0:
            self.record(label, 0, count)
            os._exit(0)
        return f"ok {self.host.host_wait(pid)}"

    def serve(self) -> str:
        self.server = ictus.start_http_server(0, "127.0.0.1", directory=self.directory)
        return f"ok {self.server.port}"

    def act(self, words: list[str]) -> str:
        match words:
            case ["record", label, start, count]:
                self.record(label, int(start), int(count))
            case ["grow", prefix, start, count]:
                self.grow(prefix, int(start), int(count))
            case ["churn"]:
                self.begin_churn()
            case ["calm"]:
                self.churns = False
                self.thread.join()
            case ["fork", label, count]:
                return self.child(os.fork(), label, int(count))
            case ["clone", label, count]:
                return self.child(self.host.host_clone(), label, int(count))
            case ["serve", _]:
                return self.serve()
            case ["host", action, argument]:
                return "failed" if self.host.host_act(action.encode(), argument.encode()) else "ok"
            case ["drop"]:
                self.objects.clear()
                gc.collect()
            case ["exec"]:
                os.execv(sys.executable, [sys.executable, *sys.argv])
            case _:
                os._exit(5)
        return "ok"


def main() -> None:
    if sys.argv[1] == "read":
        read()
        return
    recorder = Recorder(*sys.argv[1:3])
    os.write(ANSWERS, b"ready\n")
    for line in os.fdopen(COMMANDS, "r", buffering=1, closefd=False):
        if line.strip() == "exit":
            os.write(ANSWERS, b"ok\n")
            return
        os.write(ANSWERS, recorder.act(line.split()).encode() + b"\n")


main()
