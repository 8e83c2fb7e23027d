"""Runs workers with a changed SDK, with Ictus and without, and compares their results."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import mutated_sdk
from harness import TESTS, conductor, environment, file_samples, kill

ACTIVATIONS = ("without", "hook", "import")
_SETTINGS = "conductor.client.configuration.settings.metrics_settings:MetricsSettings"
_ENOUGH = 4
_SECONDS = 25.0


@dataclass
class Run:
    """The results of one run."""

    completed: bool
    shows_metrics: bool
    records_natively: bool
    errors: str

    @property
    def works(self) -> bool:
        return self.completed and self.shows_metrics

    def lines(self) -> list[str]:
        return [line for line in self.errors.splitlines() if "the SDK's own metrics stay in use" in line]


def run(sdk: Path, activation: str, settings: str = _SETTINGS) -> Run:
    """Runs two workers with the SDK until they have done some tasks, or until the timeout."""
    if activation == "import":
        settings = "ictus.conductor:MetricsSettings"
    variables = {"PYTHONPATH": str(sdk)}
    if activation == "hook":
        variables["ICTUS_CONDUCTOR"] = "1"
    with tempfile.TemporaryDirectory() as directory, conductor() as stub, tempfile.TemporaryFile() as errors:
        command = [sys.executable, str(TESTS / "sdk_app.py"), directory, f"{stub.url}/api", settings, "0"]
        running = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment(**variables),
            start_new_session=True,
        )
        deadline = time.monotonic() + _SECONDS
        completed = shows = False
        while time.monotonic() < deadline and not (completed and shows) and running.poll() is None:
            time.sleep(0.05)
            counts = stub.counts
            completed = len(counts) >= 2 and all(one.completed >= _ENOUGH for one in counts.values())
            shown = file_samples(Path(directory, "out.prom"))
            polled = [value for (name, _), value in shown.items() if name == "task_poll_total"]
            timed = [value for (name, _), value in shown.items() if name == "task_execute_time_seconds_count"]
            shows = len(polled) >= 2 and len(timed) >= 2
        natively = Path(directory, "ictus").exists() and any(Path(directory, "ictus").glob("*.seg"))
        with contextlib.suppress(subprocess.TimeoutExpired, BrokenPipeError, ValueError):
            running.communicate(timeout=10)
        kill(running)
        errors.seek(0)
        return Run(completed, shows, natively, errors.read().decode(errors="replace"))


def settings_of(change: str) -> str:
    """Returns where the changed SDK has the class of its settings."""
    if change == "rename MetricsSettings":
        return _SETTINGS.replace(":MetricsSettings", ":MetricsConfiguration")
    if change == "move metrics_settings":
        return _SETTINGS.replace("metrics_settings:", "metrics_settings_v2:")
    return _SETTINGS


def compare(
    sdk: Path, change: str, activations: tuple[str, ...] = ACTIVATIONS[1:], *, compare_alone: bool = True
) -> dict[str, str]:
    """Changes the SDK and runs it.

    Returns by activation ``ictus``, ``sdk``, or a description of the fault. Returns nothing if the
    change broke the SDK itself.
    """
    with tempfile.TemporaryDirectory() as name:
        changed = Path(name)
        mutated_sdk.copy(sdk, changed)
        mutated_sdk.changes(sdk)[change](changed)
        settings = settings_of(change)
        alone = run(changed, "without", settings) if compare_alone else Run(True, True, False, "")
        if not alone.works:
            return {}
        return {way: _judged(run(changed, way, settings), alone) for way in activations}


def _judged(observed: Run, alone: Run) -> str:
    if not observed.completed:
        return f"tasks are lost: {observed.errors[-800:]}"
    if not observed.shows_metrics:
        return f"metrics are lost: {observed.errors[-800:]}"
    tracebacks = [len(re.findall("^Traceback", one.errors, re.MULTILINE)) for one in (observed, alone)]
    if tracebacks[0] > tracebacks[1]:
        return f"tracebacks: {observed.errors[-800:]}"
    if observed.records_natively:
        return "ictus"
    # One line for each process: the program, its two workers, the provider, and the one that writes
    # the log.
    return (
        "sdk"
        if 1 <= len(observed.lines()) <= 5
        else f"{len(observed.lines())} lines: {observed.errors[-800:]}"
    )
