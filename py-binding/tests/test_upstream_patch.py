"""Tests the patch that is proposed to the SDK: a setting by which Ictus records, if it is installed."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from harness import TESTS, Sample, conductor, environment, eventually, file_samples, key, kill

SDK = "2.0.0"
PATCH = TESTS.parent / "upstream" / f"conductor-python-{SDK}.patch"
SETTINGS = "conductor.client.configuration.settings.metrics_settings:MetricsSettings"
EXECUTIONS = key("task_execute_time_seconds_count", taskType="plain", status="SUCCESS")

pytestmark = pytest.mark.skipif(
    metadata.version("conductor-python") != SDK, reason="the patch is for another version of the SDK"
)


@pytest.fixture(scope="module")
def patched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with the patched SDK, which precedes the installed one in a search path."""
    folder = tmp_path_factory.mktemp("patched")
    spec = importlib.util.find_spec("conductor.client")
    assert spec is not None
    assert spec.origin is not None
    shutil.copytree(Path(spec.origin).parents[1], folder / "conductor")
    # Without a repository, git applies a patch to the files below the current folder.
    subprocess.run(
        ["git", "apply", "--verbose", PATCH],
        cwd=folder,
        env={"GIT_CEILING_DIRECTORIES": str(folder.parent), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        check=True,
        timeout=60,
    )
    return folder


def _samples(directory: str, *search_path: Path, errors: Path, **variables: str) -> dict[Sample, float]:
    """Returns the samples of workers that have executed tasks."""
    paths = ":".join(str(path) for path in (*search_path, TESTS))
    with conductor() as stub, errors.open("wb") as log:
        program = subprocess.Popen(
            [sys.executable, TESTS / "sdk_app.py", directory, f"{stub.url}/api", SETTINGS, "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(PYTHONPATH=paths, **variables),
            start_new_session=True,
        )
        try:
            return eventually(
                lambda: file_samples(Path(directory, "out.prom")), lambda now: now.get(EXECUTIONS, 0) > 3
            )
        finally:
            kill(program)


def test_ictus_records_if_the_setting_asks_for_it(directory: str, patched: Path, tmp_path: Path) -> None:
    shown = _samples(directory, patched, errors=tmp_path / "errors", WORKER_ICTUS_METRICS="true")
    assert any(name.startswith("ictus_") for name, _ in shown)
    assert not list(Path(directory).rglob("*.db"))


def test_sdk_records_if_the_setting_is_absent(directory: str, patched: Path, tmp_path: Path) -> None:
    _samples(directory, patched, errors=tmp_path / "errors")
    assert list(Path(directory).rglob("*.db"))
    assert not Path(directory, "ictus").exists()


def test_sdk_records_with_a_warning_if_ictus_is_missing(
    directory: str, patched: Path, tmp_path: Path
) -> None:
    missing = tmp_path / "missing" / "ictus"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ImportError('no ictus here')\n", encoding="utf-8")
    errors = tmp_path / "errors"
    _samples(directory, missing.parent, patched, errors=errors, WORKER_ICTUS_METRICS="true")
    assert list(Path(directory).rglob("*.db"))
    assert "The package ictus cannot be imported (no ictus here)" in errors.read_text(encoding="utf-8")
