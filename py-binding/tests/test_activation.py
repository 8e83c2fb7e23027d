"""Workers record with Ictus however their processes have come to be."""

from __future__ import annotations

import json
import os
import pickle
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness import HAS_FACTORY, conductor, eventually, file_samples, key, kill, run, start
from ictus.conductor import MetricsSettings, _sdk

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

TASKS = ("plain", "awaiting")


# How each version can be told to start its workers. The first is its default.
WAYS: dict[str, dict[str, str]] = {"by default": {}}
if HAS_FACTORY and hasattr(__import__("conductor.client.automator", fromlist=["x"]), "worker_isolation"):
    WAYS["in threads"] = {"CONDUCTOR_WORKER_ISOLATION": "thread"}
elif HAS_FACTORY:
    WAYS["by fork"] = {"CONDUCTOR_MP_START_METHOD": "fork"}
    WAYS["by forkserver"] = {"CONDUCTOR_MP_START_METHOD": "forkserver"}


@pytest.mark.parametrize("settings", [MetricsSettings, _sdk.MetricsSettings])
def test_unpickled_settings_activate_a_process(directory: str, settings: Any) -> None:
    printed = run("unpickle.py", give=pickle.dumps(settings(directory=directory)))
    assert printed.decode().splitlines() == ["ictus.conductor.collectors LegacyMetricsCollector"] * 2


def test_the_off_switch_leaves_the_sdk_its_own(directory: str) -> None:
    printed = run(
        "unpickle.py", give=pickle.dumps(MetricsSettings(directory=directory)), ICTUS_DISABLE="1"
    ).decode()
    assert "ictus" not in printed
    assert printed.count("conductor.client.telemetry") == 2


@contextmanager
def app(directory: str, url: str, activation: str, way: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    running = start("app.py", directory, url, activation, **way)
    try:
        yield running
        # The end of its input is the program's sign to stop.
        running.communicate(timeout=60)
    finally:
        kill(running)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("activation", ["settings", "install"])
def test_a_real_task_handler(directory: str, activation: str, way: dict[str, str]) -> None:
    executed = [key("task_execute_time_seconds_count", taskType=task, status="SUCCESS") for task in TASKS] + [
        key("task_poll_total", taskType=task) for task in TASKS
    ]
    written = Path(directory, "out.prom")
    with conductor() as stub, app(directory, f"{stub.url}/api", activation, way) as running:
        assert running.stdout is not None
        running.stdout.readline()
        shown = eventually(
            lambda: file_samples(written), lambda shown: all(shown.get(sample, 0) >= 3 for sample in executed)
        )
        assert {sample: shown.get(sample, 0) >= 3 for sample in executed} == dict.fromkeys(executed, True)
        assert [sample for sample in shown if sample[0] == "http_api_client_request_count"]
        # Nothing was recorded by the SDK's own means.
        assert not list(Path(directory).glob("*.db"))
        if "thread" in way.values():
            # Threads of the SDK do not end by themselves.
            kill(running)


def test_a_restart_of_a_worker_is_counted_by_its_parent(directory: str) -> None:
    written = Path(directory, "out.prom")
    restarts = key("worker_restart_total", taskType="plain")
    with conductor() as stub, app(directory, f"{stub.url}/api", "settings", {}) as running:
        assert running.stdout is not None
        victim = json.loads(running.stdout.readline())[0]
        time.sleep(0.5)
        os.kill(victim, signal.SIGKILL)
        shown = eventually(lambda: file_samples(written), lambda shown: restarts in shown)
        assert shown.get(restarts) == 1
