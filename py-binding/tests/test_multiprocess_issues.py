"""Tests that known problems of multiprocess metrics in Python do not occur: rows of docs/comparison.md."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from harness import (
    TESTS,
    eventually,
    file_samples,
    free_port,
    get,
    key,
    kill,
    launch,
    parse,
    provider,
    reachable,
    run,
    samples,
    start,
)
from ictus import _core
from ictus.conductor import MetricsCollector, MetricsSettings

COUNT = key("task_execute_time_seconds_count", taskType="shared", status="SUCCESS")
POLLS = key("task_poll_total", taskType="t")


def _may_unshare(*flags: str) -> bool:
    """Returns whether this machine allows a test to create namespaces."""
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, *flags, "true"], check=False).returncode == 0


def test_dead_pids_leave_no_files_behind(directory: str) -> None:
    sizes = []
    for number in range(1, 13):
        run("recording_worker.py", directory, "0.5", "100")
        assert samples(directory)[COUNT] == 100 * number
        files = [path for path in Path(directory).rglob("*") if path.is_file()]
        assert len(files) <= 4, files
        sizes.append(sum(path.stat().st_blocks * 512 for path in files))
    # The window is full after ten processes. Until then the totals grow by the retained observations.
    assert sizes[-1] == sizes[-2]


def test_killed_worker_needs_no_call(directory: str) -> None:
    killed = start("recording_worker.py", directory, "0.5", "100")
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"done\n"
    active = key("active_workers", taskType="shared")
    assert samples(directory, "canonical")[active] == 1
    kill(killed)
    shown = samples(directory, "canonical")
    assert active not in shown
    assert shown[COUNT] == 100
    assert not list(Path(directory, "ictus").glob("*.seg"))


BAD = {
    "empty": b"",
    "zeros": bytes(1 << 20),
    "text": b"not a segment, and longer than a header is\n" * 1000,
    "sqlite": b"SQLite format 3\0" + bytes(4096),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_invalid_file_hides_nothing_else(directory: str, content: bytes) -> None:
    worker = start("user_metrics.py", directory)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"done\n"
        Path(directory, "ictus", "0123456789abcdef.seg").write_bytes(content)
        Path(directory, "ictus", "fedcba9876543210.seg").mkdir()
        os.mkfifo(Path(directory, "ictus", "00000000000000ff.seg"))
        Path(directory, "counter_1.db").write_bytes(content)
        with provider(directory):
            shown = eventually(
                lambda: file_samples(Path(directory, "out.prom")),
                lambda shown: key("cards_charged_total", bank="b") in shown,
            )
        assert shown[POLLS] == 1
        assert shown[key("cards_charged_total", bank="b")] == 2
    finally:
        kill(worker)


@pytest.mark.skipif(not _may_unshare("-Urpf"), reason="needs namespaces of processes")
def test_equal_pids_in_two_containers_do_not_collide(directory: str) -> None:
    container = ["unshare", "-Urpf", "sh", "-c", 'echo $$; exec "$@"', "sh", sys.executable]
    containers = [launch(*container, "recording_worker.py", directory, "0.5", "100") for _ in range(2)]
    try:
        for one in containers:
            assert one.stdout is not None
            assert one.stdout.readline() == b"1\n"
            assert one.stdout.readline() == b"done\n"
        assert samples(directory)[COUNT] == 200
        kill(containers.pop())
        assert samples(directory)[COUNT] == 200
    finally:
        for one in containers:
            kill(one)


@pytest.mark.skipif(not _may_unshare("-Urm"), reason="needs a file system of its own")
def test_full_tmpfs_kills_no_process(directory: str) -> None:
    mounted = 'mount -t tmpfs -o size=600k none "$1" && exec "$2" full_disk.py "$1"'
    ran = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", mounted, "sh", directory, sys.executable],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, (ran.returncode, ran.stderr)
    shown = parse(ran.stdout)
    assert shown[key("task_execute_time_seconds_count", taskType="first", status="SUCCESS")] == 2100
    # The disk was indeed full.
    assert len([name for name, _ in shown if name == "task_execute_time_seconds_count"]) < 301
    full, lost = [line for line in ran.stderr.splitlines() if line]
    assert "is the disk full?" in full
    # The loss is reported at the end of the process, because only then is it permanent.
    assert "observations cannot be written" in lost


def test_forked_child_does_not_wait_for_threads_of_its_parent(directory: str) -> None:
    run("forking.py", directory)
    shown = samples(directory, "documented")
    assert shown[key("task_paused_total", taskType="child")] == 100
    assert shown[key("task_execute_time_seconds_count", taskType="child", status="SUCCESS")] == 100


def test_recording_may_interrupt_recording(directory: str) -> None:
    counts = json.loads(run("reentrant.py", directory))
    assert counts["signal"] >= 100
    assert counts["text"] == counts["destructor"] == 2 * counts["main"]
    shown = samples(directory, "documented")
    for task_type, times in counts.items():
        assert shown[key("task_poll_total", taskType=task_type)] == times
        timed = key("task_execute_time_seconds_count", taskType=task_type, status="SUCCESS")
        assert shown[timed] == times
    assert shown[key("task_poll_total", taskType="labelled")] == counts["main"]


def test_import_order_does_not_fix_the_mode(tmp_path: Path) -> None:
    directories = [str(tmp_path / name) for name in ("first", "second")]
    assert run("late_import.py", *directories) == b"1.0\n1.0\n"
    for directory in directories:
        assert samples(directory)[key("task_poll_total", taskType=directory)] == 1


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_a_port_is_free_again_when_its_provider_has_ended(directory: str, signal_number: int) -> None:
    MetricsCollector(MetricsSettings(directory)).increment_task_poll("t")
    port = free_port()
    for _ in range(3):
        with provider(directory, port) as running:
            assert eventually(lambda: reachable(port), bool)
            assert get(port, "/metrics")[0] == 200
            running.send_signal(signal_number)
            assert running.wait(20) == -signal_number


def test_idle_connection_blocks_no_scrape(directory: str) -> None:
    MetricsCollector(MetricsSettings(directory)).increment_task_poll("t")
    port = free_port()
    with provider(directory, port):
        assert eventually(lambda: reachable(port), bool)
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        idle[0].sendall(b"GET /metrics HT")
        assert get(port, "/metrics?x=1")[0] == 200
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("HEAD", "/metrics", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Encoding"), answer.read()) == (200, "gzip", b"")
        for one in idle:
            one.close()


def test_messages_of_exceptions_are_a_bounded_number_of_series(directory: str) -> None:
    collector = MetricsCollector(MetricsSettings(directory, max_series=50))
    for number in range(500):
        collector.increment_task_execution_error("t", ValueError(f"no file {number}"))
    errors = {
        labels: value for (name, labels), value in samples(directory, "legacy").items() if "error" in name
    }
    assert len(errors) == 51
    assert sum(errors.values()) == 500
    classes = samples(directory, "canonical")
    assert classes[key("task_execute_error_total", taskType="t", exception="ValueError")] == 500


def test_collectors_can_be_created_repeatedly(directory: str) -> None:
    for _ in range(5):
        collector = MetricsCollector(MetricsSettings(directory))
        collector.increment_task_poll("t")
        assert "task_poll_total" in _core.text(directory)
    assert collector.registry.get_sample_value("task_poll_total", {"taskType": "t"}) == 1
    assert samples(directory)[POLLS] == 5


def test_counts_continue_and_quantiles_cover_all_processes(directory: str) -> None:
    run("recording_worker.py", directory, "10.0", "5")
    run("recording_worker.py", directory, "0.01", "995")
    labels = {"taskType": "shared", "status": "SUCCESS"}
    median = key("task_execute_time_seconds", quantile="0.5", **labels)
    assert samples(directory)[median] == 0.01
    run("recording_worker.py", directory, "0.01", "2000")
    shown = samples(directory)
    assert shown[COUNT] == 3000
    assert shown[key("task_execute_time_seconds_sum", **labels)] == pytest.approx(79.95, rel=1e-12)
