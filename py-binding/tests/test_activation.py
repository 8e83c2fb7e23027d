"""Tests that workers record with Ictus, for every start method of processes and every activation."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from application import TASKS, Start, app, executed
from harness import HAS_FACTORY, eventually, file_samples, key, launch, run
from ictus.conductor import MetricsSettings, _sdk

# The start methods of workers that each version supports. The first is its default.
WAYS: dict[str, dict[str, str]] = {"by default": {}}
if HAS_FACTORY and hasattr(__import__("conductor.client.automator", fromlist=["x"]), "worker_isolation"):
    WAYS["in threads"] = {"CONDUCTOR_WORKER_ISOLATION": "thread"}
elif HAS_FACTORY:
    WAYS["by fork"] = {"CONDUCTOR_MP_START_METHOD": "fork"}
    WAYS["by forkserver"] = {"CONDUCTOR_MP_START_METHOD": "forkserver"}

ICTUS = str(Path(sys.executable).with_name("ictus"))
HOOK = {"ICTUS_CONDUCTOR": "1"}
# For each start: the command, the activation in the program, and the environment.
STARTS: dict[str, Start] = {
    "a script": ([sys.executable, "app.py"], "settings", {}),
    "a script that installs": ([sys.executable, "app.py"], "install", {}),
    "a module": ([sys.executable, "-m", "app"], "settings", {}),
    "a package": ([sys.executable, "-m", "app_package"], "settings", {}),
    "ictus run": ([ICTUS, "run", "app.py"], "sdk", {}),
    "ictus run a module": ([ICTUS, "run", "-m", "app"], "sdk", {}),
    "ictus run a package": ([ICTUS, "run", "-m", "app_package"], "sdk", {}),
    "the hook": ([sys.executable, "app.py"], "sdk", HOOK),
    "ictus run with -E": ([ICTUS, "run", "-E", "app.py"], "sdk", {}),
    "ictus run with -I": ([ICTUS, "run", "-u", "-I", "app.py"], "sdk", {}),
    "ictus run -I": ([sys.executable, "-I", "-m", "ictus", "run", "app.py"], "sdk", {}),
}
# Every start with the default start method, and every start method with three of the starts.
RUNS = [(start, "by default") for start in STARTS] + [
    (start, way) for start in ("a script", "ictus run", "the hook") for way in WAYS if way != "by default"
]
# Starts that leave the SDK its own metrics.
OFF: dict[str, Start] = {
    "no hook": ([sys.executable, "app.py"], "sdk", {}),
    "a hook with -E": ([sys.executable, "-E", "app.py"], "sdk", HOOK),
    "a hook with -I": ([sys.executable, "-I", "app.py"], "sdk", HOOK),
    "a hook that says no": ([sys.executable, "app.py"], "sdk", {"ICTUS_CONDUCTOR": "0"}),
    "disabled settings": ([sys.executable, "app.py"], "settings", {"ICTUS_DISABLE": "1"}),
    "disabled install": ([sys.executable, "app.py"], "install", {"ICTUS_DISABLE": "1"}),
    "disabled hook": ([sys.executable, "app.py"], "sdk", HOOK | {"ICTUS_DISABLE": "1"}),
    "disabled ictus run": ([ICTUS, "run", "app.py"], "sdk", {"ICTUS_DISABLE": "1"}),
}


@pytest.mark.parametrize(("start", "way"), RUNS)
def test_task_handler_records_with_every_activation(directory: str, start: str, way: str) -> None:
    updates = [key("task_update_time_seconds_count", taskType=task, status="SUCCESS") for task in TASKS]
    with app(directory, STARTS[start], **WAYS[way]):
        shown = executed(directory, *updates)
        assert [sample for sample in shown if sample[0] == "http_api_client_request_count"]
        # The SDK itself recorded nothing.
        assert not list(Path(directory).glob("*.db"))


@pytest.mark.skipif(not HAS_FACTORY, reason="until 1.3 there are no canonical metrics")
@pytest.mark.parametrize("way", WAYS)
def test_the_sdks_variable_for_canonical_metrics_is_honoured(directory: str, way: str) -> None:
    canonical = f"{directory}/canonical"
    with app(directory, STARTS["a script"], WORKER_CANONICAL_METRICS="true", **WAYS[way]):
        updates = [key("task_update_time_seconds_count", taskType=task, status="SUCCESS") for task in TASKS]
        shown = executed(canonical, *updates)
    names = {name for name, _ in shown}
    assert {"http_api_client_request_seconds_bucket", "active_workers"} <= names
    assert not [name for name in names if name.startswith("api_request") or name == "task_poll_time"]
    assert not [path for path in Path(directory).iterdir() if path.name != "canonical"]


@pytest.mark.parametrize("start", OFF)
def test_sdk_records_by_itself_if_disabled(directory: str, start: str) -> None:
    with app(directory, OFF[start]):
        executed(directory)
    assert list(Path(directory).glob("*.db"))
    assert not Path(directory, "ictus").exists()


@pytest.mark.parametrize("way", WAYS)
def test_counter_of_the_user_is_shown(directory: str, way: str) -> None:
    own = key("greetings_total", language="en")
    with app(directory, STARTS["a script"], APP_COUNTS="1", **WAYS[way]):
        executed(directory, own)


def test_a_restart_of_a_worker_is_counted_by_its_parent(directory: str) -> None:
    restarts = key("worker_restart_total", taskType="plain")
    with app(directory, STARTS["a script"]) as running:
        assert running.stdout is not None
        victim = json.loads(running.stdout.readline())[0]
        executed(directory)
        os.kill(victim, signal.SIGKILL)
        file = Path(directory, "out.prom")
        # The counter starts at 0.
        shown = eventually(lambda: file_samples(file), lambda shown: shown.get(restarts, 0) > 0)
        assert shown.get(restarts) == 1


def test_ictus_run_reports_programs_that_it_cannot_run(tmp_path: Path) -> None:
    assert launch(ICTUS, "run").wait(60) == 2
    for missing in (["no_such_script.py"], ["-m", "no_such_module"], ["-m", "no_such_package.module"]):
        expected = launch(sys.executable, *missing).wait(60)
        assert launch(ICTUS, "run", *missing).wait(60) == expected != 0
    script = tmp_path / "exits.py"
    script.write_text("import sys; sys.exit(int(sys.argv[1]))")
    assert launch(ICTUS, "run", str(script), "7").wait(60) == 7


def test_help_of_the_command_mentions_run() -> None:
    help_text = launch(ICTUS, "--help").communicate(timeout=60)[0].decode()
    assert "run" in [line.split()[0] for line in help_text.splitlines() if line.startswith("  ")]
    assert "ictus run -m MODULE" in launch(ICTUS, "run", "--help").communicate(timeout=60)[0].decode()


def test_ictus_run_runs_a_program_as_python_does(tmp_path: Path) -> None:
    program = "import __main__, sys; print(sys.argv, __name__, __main__.__dict__ is globals(), sys.path[0])"
    (tmp_path / "program.py").write_text(program)
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "__main__.py").write_text(program)
    for given in ([str(tmp_path / "program.py")], [str(tmp_path / "program")], ["-m", "program"]):
        with_python, with_ictus = (
            subprocess.run([*command, *given, "a", "-b"], cwd=tmp_path, stdout=subprocess.PIPE, check=True)
            for command in ([sys.executable], [ICTUS, "run"])
        )
        assert with_ictus.stdout == with_python.stdout


@pytest.mark.parametrize("settings", [MetricsSettings, _sdk.MetricsSettings])
def test_unpickled_settings_activate_a_process(directory: str, settings: Any) -> None:
    printed = run("unpickled_settings.py", give=pickle.dumps(settings(directory=directory)))
    assert printed.decode().splitlines() == ["ictus.conductor.collectors LegacyMetricsCollector"] * 2


def test_disabled_hook_loads_nothing() -> None:
    program = "import sys; print([name for name in sys.modules if 'ictus' in name or 'conductor' in name])"
    for variables in ({}, {"ICTUS_CONDUCTOR": ""}):
        assert launch(sys.executable, "-c", program, **variables).communicate(timeout=60)[0] == b"[]\n"
    # When enabled, the hook does not load the SDK for programs that do not use it.
    shown = launch(sys.executable, "-c", program, **HOOK).communicate(timeout=60)[0]
    assert shown == b"['ictus', 'ictus.hook']\n"
