"""Tests annotations that cannot be evaluated, which Python accepts since 3.14.

Their names are imported for type checkers only.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import mutated_sdk
from harness import environment

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated at once")

INSTALLED = Path(sysconfig.get_path("purelib"))
PROGRAM = """
import inspect
from annotationlib import Format
import ictus.conductor
from conductor.client.automator import task_runner
from conductor.client.configuration.settings.metrics_settings import MetricsSettings
from conductor.client.telemetry.metrics_collector import MetricsCollector
print(MetricsCollector.__module__)
for function in (ictus.conductor.MetricsSettings.__init__, MetricsCollector.increment_task_poll):
    print(inspect.signature(function, annotation_format=Format.STRING))
"""


def test_sdk_with_undefined_names_in_annotations_is_replaced(tmp_path: Path) -> None:
    mutated_sdk.copy(INSTALLED, tmp_path)
    changed = 0
    client = tmp_path / "conductor" / "client"
    for path in (client / "telemetry", client / "configuration" / "settings"):
        for module in path.glob("*.py"):
            text = module.read_text(encoding="utf-8")
            changed += ": str" in text
            lazy = text.replace("from __future__ import annotations", "")
            module.unlink()
            module.write_text(lazy.replace(": str", ": ForTypeCheckers"), encoding="utf-8")
    assert changed >= 2
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        env=environment(PYTHONPATH=str(tmp_path)),
        check=False,
        timeout=60,
    )
    collector, settings, method = ran.stdout.splitlines() or [ran.stderr] * 3
    assert collector == "ictus.conductor.collectors", ran.stderr
    assert settings.endswith(", *, window: 'int | None' = None, max_series: 'int | None' = None)")
    assert "file_name: ForTypeCheckers" in settings
    assert method == "(self, task_type: ForTypeCheckers) -> None"
