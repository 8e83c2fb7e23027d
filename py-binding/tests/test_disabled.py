"""Tests that the SDK's metrics return, in the same directory, if Ictus is off, broken or uninstalled."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from application import TASKS, app, executed
from harness import HAS_FACTORY, environment, file_samples, key

PACKAGES = Path(sysconfig.get_path("purelib"))
HOOK = {"ICTUS_CONDUCTOR": "1"}
COUNTS = [key("task_execute_time_seconds_count", taskType=task, status="SUCCESS") for task in TASKS]


@pytest.fixture(params=["uninstalled", "all but the .pth file uninstalled", "a broken native module"])
def interpreter(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """Returns an interpreter with all packages of this one, and Ictus in the state that the test names."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    [packages] = venv.glob("lib/python*/site-packages")
    for entry in PACKAGES.iterdir():
        if not entry.name.startswith("ictus"):
            (packages / entry.name).symlink_to(entry)
    if request.param != "uninstalled":
        shutil.copy(PACKAGES / "ictus.pth", packages)
    if request.param == "a broken native module":
        shutil.copytree(PACKAGES / "ictus", packages / "ictus")
        for native in (packages / "ictus").glob("_core*.so"):
            native.write_bytes(b"not a library")
    return request.param, venv / "bin" / "python"


def test_program_continues_with_the_sdks_metrics(directory: str, interpreter: tuple[str, Path]) -> None:
    state, python = interpreter
    with app(directory, ([sys.executable, "app.py"], "sdk", HOOK)):
        executed(directory)
    assert not list(Path(directory).glob("*.db"))
    Path(directory, "out.prom").unlink()
    with app(directory, ([str(python), "app.py"], "sdk", HOOK)):
        executed(directory)
    assert list(Path(directory).glob("*.db"))
    if state == "a broken native module":
        # With a broken native module, a program that imports from Ictus works as well.
        Path(directory, "out.prom").unlink()
        with app(directory, ([str(python), "app.py"], "settings", {})):
            executed(directory)


def test_broken_native_module_is_logged_once_and_leaves_the_sdks_names(
    interpreter: tuple[str, Path], directory: str
) -> None:
    state, python = interpreter
    program = f"""
from conductor.client.telemetry.metrics_collector import MetricsCollector as theirs
try:
    from ictus.conductor import (
        CanonicalMetricsCollector, LegacyMetricsCollector, MetricsCollector, MetricsSettings,
        create_metrics_collector, create_metrics_collector_for_parent, install,
    )
except ImportError:
    raise SystemExit("gone")
install()
settings = MetricsSettings({directory!r}, window=10, max_series=10)
for create in (create_metrics_collector, create_metrics_collector_for_parent, MetricsCollector):
    create(settings).increment_task_poll("t")
    print(type(create(settings)) is theirs is LegacyMetricsCollector)
"""
    run = subprocess.run(
        [python, "-c", program],
        env=environment(**HOOK),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if state == "a broken native module":
        assert (run.returncode, run.stdout) == (0, "True\nTrue\nTrue\n"), run.stderr
        assert run.stderr.count("the SDK's own metrics stay in use") == 1
        assert len(run.stderr.splitlines()) == 1
    else:
        # The hook logs nothing. The program's own import is the responsibility of the program.
        assert (run.returncode, run.stderr) == (1, "gone\n")


def test_ictus_can_be_disabled_and_enabled_again(directory: str) -> None:
    start = ([sys.executable, "app.py"], "settings")
    with app(directory, (*start, {})):
        executed(directory)
    first = file_samples(Path(directory, "out.prom"))
    Path(directory, "out.prom").unlink()
    with app(directory, (*start, {"ICTUS_DISABLE": "1"})):
        executed(directory)
    own = [name for name in file_samples(Path(directory, "out.prom")) if name[0].startswith("ictus_")]
    assert own == []
    Path(directory, "out.prom").unlink()
    with app(directory, (*start, {})):
        again = executed(directory)
    # Totals continue from their previous values. Metrics that the SDK recorded meanwhile are not
    # shown.
    assert all(again[count] >= first[count] for count in COUNTS)
    text = Path(directory, "out.prom").read_text(encoding="utf-8")
    assert text.count("# TYPE task_poll_total ") == 1


@pytest.mark.skipif(not HAS_FACTORY, reason="until 1.3 settings clean nothing")
def test_disabled_settings_clean_as_the_sdks(directory: str) -> None:
    Path(directory, "counter_1.db").write_bytes(b"")
    Path(directory, "ictus").mkdir()
    Path(directory, "ictus", "totals").write_bytes(b"kept")
    program = f"""
from ictus.conductor import MetricsSettings
MetricsSettings({directory!r}, clean_directory=True, clean_dead_pids=True).clean_metrics_directory()
"""
    subprocess.run([sys.executable, "-c", program], env=environment(ICTUS_DISABLE="1"), check=True)
    assert [path.name for path in Path(directory).iterdir()] == ["ictus"]
    assert Path(directory, "ictus", "totals").read_bytes() == b"kept"
