"""Tests the log of a directory that cannot be written, and the observations recorded meanwhile."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import ictus

#: Timeout for a line of the log, after its cause.
LOG_TIMEOUT = 20.0

#: Records where a file has replaced the directory. The log goes to standard error.
DEGRADED = """
    import logging, os, sys, threading, time, ictus
    logging.basicConfig(format="%(name)s %(levelname)s %(message)s")
    directory = sys.argv[1]
    registry = ictus.Registry(directory)
    os.rename(directory, directory + ".moved")
    open(directory, "w").close()
    counter = registry.counter("jobs")
    counter.inc()
"""


def start(program: str, directory: Path) -> subprocess.Popen[str]:
    source = textwrap.dedent(DEGRADED) + textwrap.dedent(program)
    arguments = [sys.executable, "-c", source, str(directory)]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> tuple[str, float]:
    """Returns the first line of the log, and when it came."""
    assert process.stderr is not None
    return process.stderr.readline(), time.monotonic()


def test_recorder_without_other_calls_logs_the_degraded_state(tmp_path: Path) -> None:
    program = """
        end = time.monotonic() + 60
        while time.monotonic() < end:
            counter.inc()
            time.sleep(0.001)
    """
    started = time.monotonic()
    process = start(program, tmp_path / "metrics")
    line, logged = first_line(process)
    process.kill()
    process.communicate()
    assert "ictus ERROR cannot create a segment" in line
    assert logged - started < LOG_TIMEOUT


def test_degraded_state_is_logged_while_the_main_thread_waits(tmp_path: Path) -> None:
    program = """
        def work():
            for _ in range(60):
                counter.inc()
                time.sleep(1)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """
    started = time.monotonic()
    process = start(program, tmp_path / "metrics")
    line, logged = first_line(process)
    process.kill()
    process.communicate()
    assert "ictus ERROR cannot create a segment" in line
    assert logged - started < LOG_TIMEOUT


def test_degraded_state_is_logged_by_a_short_program(tmp_path: Path) -> None:
    process = start("", tmp_path / "metrics")
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert log.count("cannot create a segment") == 1
    assert "observations cannot be written to" in log


def test_ending_program_writes_observations_held_in_memory(tmp_path: Path) -> None:
    directory = tmp_path / "metrics"
    process = start("os.remove(directory)", directory)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert ictus.read(directory).value("jobs") == 1


def test_worker_of_multiprocessing_writes_observations_held_in_memory(tmp_path: Path) -> None:
    directory = tmp_path / "metrics"
    program = """
        import multiprocessing
        os.remove(directory)
        registry = ictus.Registry(directory)
        def work():
            counter = registry.counter("done")
            counter.inc()
            for file in os.listdir(directory + "/ictus"):
                os.remove(directory + "/ictus/" + file)
            counter.inc()
        for method in ("fork",):
            worker = multiprocessing.get_context(method).Process(target=work)
            worker.start()
            worker.join()
            assert worker.exitcode == 0
    """
    process = start(program, directory)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert ictus.read(directory).value("done") == 2


def test_handler_that_records_is_called_once_for_a_degraded_state(tmp_path: Path) -> None:
    program = """
        class Handler(logging.Handler):
            def emit(self, record):
                counter.inc()
                registry.counter("lines").inc()
                os.write(2, b"handled\\n")
        logging.getLogger().handlers[:] = [Handler()]
        time.sleep(3)
    """
    process = start(program, tmp_path / "metrics")
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    # The first line is the cause, which may be logged before the handler is installed. The second, at
    # the end, reports that observations could not be written.
    assert log.count("handled") + log.count("ictus ERROR") == 2
    assert log.count("handled") >= 1
    assert (tmp_path / "metrics").exists()
