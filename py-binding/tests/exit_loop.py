"""Ends programs repeatedly while one of their threads writes metrics; no program may be aborted.

``make exit-loop RUNS=500`` runs 500 programs of each kind. In one kind, the provider writes the file
in a daemon thread. In the other, the workers are threads (``CONDUCTOR_WORKER_ISOLATION=thread``, if
the SDK has that), and Ctrl-C ends the program. Prints for each kind the number of programs by exit
status.
"""

from __future__ import annotations

import collections
import contextlib
import importlib.util
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from harness import TESTS, Stub, environment

if TYPE_CHECKING:
    from collections.abc import Callable

_PROVIDER = """
import sys, threading, time
from ictus.conductor import MetricsCollector, MetricsSettings
settings = MetricsSettings(sys.argv[1], file_name="out.prom", update_interval=0.001)
collector = MetricsCollector(settings)
threading.Thread(target=MetricsCollector.provide_metrics, args=(settings,), daemon=True).start()
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    collector.record_task_poll_time("t", 0.1)
"""
_WORKERS = """
import sys
import sdk_app
from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from ictus.conductor import MetricsSettings
settings = MetricsSettings(sys.argv[1], file_name="out.prom", update_interval=0.01)
with TaskHandler(
    configuration=Configuration(server_api_url=sys.argv[2]),
    metrics_settings=settings,
    scan_for_annotated_workers=True,
) as handler:
    handler.start_processes()
    print("workers:", flush=True)
    handler.join_processes()
"""
_TIMEOUT = 60


def _provider_in_a_daemon_thread(directory: str, _: str) -> tuple[int, bytes]:
    # The last write may or may not be in progress when the interpreter ends.
    seconds = str(random.uniform(0.05, 0.25))
    command = [sys.executable, "-c", _PROVIDER, directory, seconds]
    ended = subprocess.run(command, capture_output=True, timeout=_TIMEOUT, check=False, env=environment())
    return ended.returncode, ended.stderr


def _worker_threads_until_ctrl_c(directory: str, url: str) -> tuple[int, bytes]:
    running = subprocess.Popen(
        [sys.executable, "-c", _WORKERS, directory, url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(CONDUCTOR_WORKER_ISOLATION="thread", PYTHONPATH=str(TESTS)),
        start_new_session=True,
    )
    assert running.stdout is not None
    next((line for line in running.stdout if line.startswith(b"workers:")), None)
    time.sleep(random.uniform(0.0, 0.4))
    # The SDK's threads continue after the first Ctrl-C, so users press it again.
    for _ in range(_TIMEOUT * 2):
        os.killpg(running.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            _, errors = running.communicate(timeout=0.5)
            break
    else:
        os.killpg(running.pid, signal.SIGKILL)
        _, errors = running.communicate()
        return 1, b"it did not end\n" + errors
    return running.returncode, errors


_MARKS = (b"FATAL", b"Fatal Python error", b"panicked", b"PanicException", b"it did not end")


def _way(status: int, errors: bytes) -> str:
    mark = next((mark for mark in _MARKS if mark in errors), None)
    if mark is not None or -status in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS):
        return f"WRONG, status {status}: {(mark or b'').decode()}"
    return f"status {status}"


def main(runs: int) -> int:
    """Runs each kind that many times. Returns 1 if one of the programs was aborted or did not end."""
    # A shell without job control makes programs in the background ignore Ctrl-C, and so their children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kinds: list[Callable[[str, str], tuple[int, bytes]]] = [_provider_in_a_daemon_thread]
    # Python itself aborts processes that are interrupted as they start.
    if importlib.util.find_spec("conductor.client.automator.worker_isolation") is not None:
        kinds.append(_worker_threads_until_ctrl_c)
    is_wrong = False
    print(f"Python {sys.version.split()[0]}, {runs} runs each", flush=True)
    for kind in kinds:
        ways: collections.Counter[str] = collections.Counter()
        with Stub(tasks=1_000_000, rate=200, slow=0, poll_errors=0, update_errors=0) as stub:
            for _ in range(runs):
                with tempfile.TemporaryDirectory() as directory:
                    ways[_way(*kind(directory, f"{stub.url}/api"))] += 1
        is_wrong |= any(way.startswith("WRONG") for way in ways)
        text = ", ".join(f"{way}: {count}" for way, count in sorted(ways.items()))
        print(f"{kind.__name__.strip('_').replace('_', ' ')}: {text}", flush=True)
    return int(is_wrong)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
