"""Tests that a subinterpreter, which cannot load the native module, keeps the SDK's metrics."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness import environment

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="it has no module for subinterpreters")

PROGRAM = """
from concurrent import interpreters
interpreter = interpreters.create()
interpreter.exec('''
from conductor.client.telemetry.metrics_collector import MetricsCollector
MetricsCollector(None).increment_task_poll("t")
print(MetricsCollector.__module__.partition(".")[0], flush=True)
try:
    import ictus
    ictus.Registry()
except ImportError as error:
    print(error, flush=True)
''')
interpreter.close()
"""


def test_subinterpreter_keeps_the_metrics_of_the_sdk() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "ictus", "run", "-c", PROGRAM],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=60,
    )
    refusal = "module ictus._core does not support loading in subinterpreters"
    assert ran.stdout.splitlines() == ["conductor", refusal], ran.stderr
    logged = [
        line for line in ran.stderr.splitlines() if line.startswith("the SDK's own metrics stay in use")
    ]
    assert len(logged) == 1
    assert refusal in logged[0]
