"""Tests that ``ictus run`` runs programs as ``python`` does: they observe the same state."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipapp
from pathlib import Path
from typing import Any

import pytest

from harness import TESTS, environment

ICTUS = str(Path(sys.executable).with_name("ictus"))
PROGRAM = TESTS / "program_state.py"
WAYS: dict[str, list[str]] = {
    "a script": ["program_state.py", "a", "-b"],
    "a script by its path": ["./sub/../program_state.py"],
    "a script that spawns": ["program_state.py", "spawn"],
    "a script elsewhere": ["sub/elsewhere.py"],
    "a module": ["-m", "program_state", "a"],
    "a module that spawns": ["-m", "program_state", "spawn"],
    "a package": ["-m", "package", "-x"],
    "a folder": ["folder", "a"],
    "an archive": ["archive.pyz", "a"],
    "code": ["-c", "exec(open('program_state.py').read())", "a"],
    "standard input": ["-", "a"],
    "options": ["-W", "error::UserWarning", "-X", "utf8", "-u", "-O", "program_state.py"],
    "an isolated script": ["-I", "program_state.py"],
    "a script without the environment": ["-sE", "program_state.py"],
    "nothing that is there": ["missing.py"],
    "no module": ["-m", "missing"],
    "a fault": ["-c", "1 / 0"],
    "a signal": ["-c", "import os; os.kill(os.getpid(), 9)"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Returns a folder with the program in all its forms."""
    shutil.copy(PROGRAM, tmp_path)
    for name in ("sub", "package", "folder"):
        (tmp_path / name).mkdir()
    shutil.copy(PROGRAM, tmp_path / "sub" / "elsewhere.py")
    (tmp_path / "package" / "__init__.py").touch()
    for name in ("package", "folder"):
        shutil.copy(PROGRAM, tmp_path / name / "__main__.py")
    zipapp.create_archive(tmp_path / "folder", tmp_path / "archive.pyz")
    return tmp_path


@pytest.mark.parametrize("way", WAYS)
def test_program_runs_as_with_python(folder: Path, way: str) -> None:
    def run(*command: str) -> tuple[Any, ...]:
        done = subprocess.run(
            [*command, *WAYS[way]],
            cwd=folder,
            input=PROGRAM.read_bytes() if way == "standard input" else b"",
            capture_output=True,
            env=environment(PYTHONWARNINGS="ignore::ImportWarning"),
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout.replace(b'"ictus"', b""), done.stderr

    expected = run(sys.executable)
    observed = run(sys.executable, "-m", "ictus", "run")
    if WAYS[way][0] in ("-I", "-sE"):
        # There the environment does not activate Ictus, so an option does.
        observed = tuple(
            part.replace(b'  "-X",\n  ,\n', b"") if isinstance(part, bytes) else part for part in observed
        )
    assert observed == expected


@pytest.mark.parametrize("order", ["after", "shared loader"])
def test_the_hook_does_not_depend_on_the_order_of_finders(tmp_path: Path, order: str) -> None:
    """Pytest's rewriter, coverage tools and type-checking import hooks vary the order of finders."""
    program = f"""
import sys
from importlib.machinery import PathFinder

class Loader:
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        source = open(module.__spec__.origin, encoding="utf-8").read()
        exec(compile(source, module.__spec__.origin, "exec"), module.__dict__)

SHARED = Loader()

class First:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if not name.startswith("conductor."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and {order!r} == "shared loader" and spec.submodule_search_locations is None:
            spec.loader = SHARED
        return spec

sys.meta_path.insert(0, First)
from conductor.client.telemetry.metrics_collector import MetricsCollector
from conductor.client.automator import task_runner
print(MetricsCollector.__module__, sys.meta_path[0] is First)
print(type(task_runner.__loader__).__name__, "exec_module" in vars(SHARED))
"""
    script = tmp_path / "program.py"
    script.write_text(program, encoding="utf-8")
    ran = subprocess.run(
        [ICTUS, "run", str(script)], capture_output=True, text=True, env=environment(), check=True, timeout=60
    )
    loader = "Loader" if order == "shared loader" else "SourceFileLoader"
    assert ran.stdout == f"ictus.conductor.collectors True\n{loader} False\n", ran.stderr


def test_unused_hook_is_reported(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        """
import sys
from importlib.machinery import PathFinder
import ictus.hook
class First:
    find_spec = PathFinder.find_spec
others = list(sys.meta_path)
sys.meta_path = [First, *[one for one in others if one is not ictus.hook._finder]]
from conductor.client.telemetry.metrics_collector import MetricsCollector
sys.meta_path = [ictus.hook._finder, *others]
import colorsys, wave
print(MetricsCollector.__module__)
""",
        encoding="utf-8",
    )
    ran = subprocess.run(
        [ICTUS, "run", str(script)], capture_output=True, text=True, env=environment(), check=True, timeout=60
    )
    assert ran.stdout.startswith("conductor.")
    assert ran.stderr.count("the SDK's own metrics stay in use: another import hook") == 1
