"""Tests that ``clean_directory`` and ``clean_dead_pids`` of the SDK also apply to the files of Ictus."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness import HAS_FACTORY, key, kill, run, samples, start
from ictus import _core
from ictus.conductor import MetricsSettings, _sdk, create_metrics_collector_for_parent

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not HAS_FACTORY, reason="until 1.3 settings clean nothing")

COUNT = key("task_execute_time_seconds_count", taskType="shared", status="SUCCESS")
FOLDER = "ictus"


@pytest.fixture
def left(directory: str) -> Iterator[str]:
    """Yields a directory with totals, an ended worker's segment, files of the SDK, and a living worker."""
    if HAS_FACTORY:
        from conductor.client.configuration.settings import metrics_settings  # noqa: PLC0415

        metrics_settings._reset_cleaned_metrics_directories()
    for _ in range(2):
        run("recording_worker.py", directory, "0.5", "10")
        if not Path(directory, FOLDER, "totals").exists():
            _core.retire(directory)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for pid in (ended.pid, os.getpid()):
        Path(directory, f"counter_{pid}.db").write_bytes(b"")
    Path(directory, "kept.txt").write_bytes(b"")
    living = start("recording_worker.py", directory, "0.5", "1")
    assert living.stdout is not None
    assert living.stdout.readline() == b"done\n"
    assert len(segments(directory)) == 2
    yield directory
    kill(living)


def segments(directory: str) -> list[Path]:
    return list(Path(directory, FOLDER).glob("*.seg"))


def databases(directory: str) -> list[str]:
    return [path.name for path in Path(directory).glob("*.db")]


@pytest.mark.parametrize("settings", [MetricsSettings, _sdk.MetricsSettings])
def test_clean_directory_keeps_files_of_live_processes(left: str, settings: Any) -> None:
    settings(left, clean_directory=True).clean_metrics_directory()
    assert databases(left) == []
    assert len(segments(left)) == 1
    assert samples(left)[COUNT] == 1
    assert Path(left, "kept.txt").exists()


@pytest.mark.parametrize("settings", [MetricsSettings, _sdk.MetricsSettings])
def test_clean_dead_pids_loses_nothing(left: str, settings: Any) -> None:
    settings(left, clean_dead_pids=True).clean_metrics_directory()
    assert databases(left) == [f"counter_{os.getpid()}.db"]
    assert len(segments(left)) == 1
    assert samples(left)[COUNT] == 21


def test_nothing_is_cleaned_without_a_setting(left: str) -> None:
    create_metrics_collector_for_parent(MetricsSettings(left))
    assert len(databases(left)) == 2
    assert len(segments(left)) == 2
    assert samples(left)[COUNT] == 21


def test_process_cleans_a_directory_once(left: str) -> None:
    # The parent of an application may record before its TaskHandler does.
    collector = create_metrics_collector_for_parent(MetricsSettings(left, clean_directory=True))
    collector.record_task_execute_time("shared", 0.5)
    run("recording_worker.py", left, "0.5", "5")
    MetricsSettings(left, clean_directory=True).clean_metrics_directory()
    assert samples(left)[COUNT] == 7


def test_failure_to_clean_is_logged_once(directory: str, caplog: pytest.LogCaptureFixture) -> None:
    Path(directory, FOLDER).write_text("a file where the folder must be")
    for _ in range(3):
        settings = MetricsSettings(directory, clean_directory=True, clean_dead_pids=True)
        settings._clean_stale_db_files()
    assert len([record for record in caplog.records if record.name == "ictus"]) == 1
