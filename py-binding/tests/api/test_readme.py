"""Tests that every block of the READMEs is run as it is written: here, or by the test that is named here.

The README's commands run in a separate home folder and virtual environment, without variables of this
one. Everything that they would download is already present, so the test needs no network. The wheel
that they would build is that of the tests.
"""

from __future__ import annotations

import os
import re
import site
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import TESTS, eventually, free_port, get

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = TESTS.parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
ELSEWHERE = {
    ("bindings/go/README.md", "go"): "bindings/go/readme_test.go",
    ("bindings/java/README.md", "java"): "bindings/java/src/test/java/io/ictus/ReadmeTest.java",
    ("bindings/javascript/README.md", "js"): "bindings/javascript/test/readme.test.js",
    ("bindings/ruby/README.md", "ruby"): "bindings/ruby/test/test_conductor.rb",
    ("py-binding/README.md", "python"): "py-binding/tests/api/test_packaging.py",
    ("py-binding/README.md", "sh"): "py-binding/tests/api/test_packaging.py",
    ("bindings/go/README.md", "sh"): ".ci/packages.py",
    ("bindings/java/README.md", "xml"): ".ci/packages.py",
    ("bindings/javascript/README.md", "sh"): ".ci/packages.py",
    ("bindings/ruby/README.md", "sh"): ".ci/packages.py",
}
"""Blocks that other tests run; those of the other languages by `make test-sdks` and `make packages`."""
HERE = {("README.md", "sh"), ("README.md", "python")}


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [code for tag, code in BLOCK.findall(text) if tag == language]


def test_every_block_of_a_readme_has_its_test() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "README.md", "*/README.md"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    pages = [page for page in listed.stdout.split() if not page.startswith("docs/")]
    if listed.returncode != 0:  # The tree is from an archive, without git.
        pages = ["README.md", *sorted({page for page, _ in ELSEWHERE})]
    existing = {
        (page, language)
        for page in pages
        for language, _ in BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    }
    assert existing == HERE | ELSEWHERE.keys()
    for test in ELSEWHERE.values():
        assert "README.md" in (ROOT / test).read_text(encoding="utf-8"), test


class Machine:
    """A home folder and an environment that contain nothing of the developer's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        environment = home / "venv"
        venv.create(environment, with_pip=True, symlinks=True)
        self.variables = {
            "HOME": str(home),
            "PATH": f"{environment / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        # Replaces pip's downloads: everything that is installed here, except Ictus.
        downloaded = home / "downloaded"
        downloaded.mkdir()
        for path in Path(site.getsitepackages()[0]).iterdir():
            if not path.name.lower().startswith("ictus") and path.suffix != ".pth":
                (downloaded / path.name).symlink_to(path)
        self.packages = next(environment.glob("lib/python*/site-packages"))
        (self.packages / "downloaded.pth").write_text(f"{downloaded}\n", encoding="utf-8")

    def run(self, *command: str) -> str:
        """Runs a command in the repository, which must succeed; returns its output."""
        ran = subprocess.run(
            command, cwd=ROOT, env=self.variables, capture_output=True, text=True, timeout=300, check=False
        )
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
        return ran.stdout


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def installed(machine: Machine) -> Machine:
    """Returns a machine on which the commands have run."""
    if Path(sys.prefix) != ROOT / ".venv" or not [*ROOT.glob("dist/ictus-*.whl")]:
        # The tests of another environment, or an interpreter without the repository's wheel.
        if os.environ.get("CI") == "true":
            pytest.fail("run the tests by `make test`, which builds the wheel")
        pytest.skip("needs the wheel in dist/, and .venv: `make .venv/wheel`")
    [block] = blocks("README.md", "sh")
    lines = [line.partition("#")[0].strip() for line in block.splitlines()]
    demo, wheel, install = lines
    # The files that `make` has built for the tests stay as they are, although sources may be newer.
    fresh = ["-o", ".venv/wheel", "-o", "dist/wheel", "-o", ".venv/ready"]
    shown = machine.run(*demo.split(), *fresh, "SECONDS=5")
    assert "resize_image" in shown
    machine.run(*wheel.split(), *fresh)
    machine.run("bash", "-c", install)
    assert (machine.packages / "ictus").is_dir()
    return machine


PROGRAM_AFTER = """
from conductor.client.telemetry.metrics_collector import MetricsCollector

if __name__ == "__main__":
    collector = MetricsCollector(settings)
    collector.increment_task_poll("readme")
    print(type(collector).__module__, flush=True)
    MetricsCollector.provide_metrics(settings)
"""


@pytest.fixture
def worker(installed: Machine, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Yields the module of the running program's collector, and the port of its endpoint."""
    [block] = blocks("README.md", "python")
    port = free_port()
    program, directories = re.subn(r'directory="/[^"]*"', f"directory={str(tmp_path / 'metrics')!r}", block)
    program, ports = re.subn(r"http_port=\d+", f"http_port={port}", program)
    assert (directories, ports) == (1, 1)
    (tmp_path / "worker.py").write_text(program + PROGRAM_AFTER, encoding="utf-8")
    running = subprocess.Popen(
        ["bash", "-c", "exec python worker.py"],
        cwd=tmp_path,
        env=installed.variables,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        yield running.stdout.readline().strip(), port
    finally:
        running.kill()
        running.wait()


def test_quick_start_works_as_written(worker: tuple[str, int]) -> None:
    module, port = worker
    assert module.startswith("ictus.conductor")
    deadline = time.monotonic() + 30
    while True:
        try:
            status, _, body = get(port, "/metrics")
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert status == 200
    assert b'task_poll_total{taskType="readme"} 1.0' in body


def test_endpoint_of_the_drop_in_listens_on_all_interfaces(worker: tuple[str, int]) -> None:
    _, port = worker
    local = re.compile(rf"^\s*\d+: (0+):{port:04X} ", re.MULTILINE)
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]

    def listening() -> bool:
        return any(local.search(table.read_text(encoding="ascii")) for table in tables if table.exists())

    assert eventually(listening, bool, 30)


def test_names_of_the_quick_start_exist(installed: Machine, tmp_path: Path) -> None:
    """Runs `ictus run worker.py` and the off switch, which the text names."""
    (tmp_path / "worker.py").write_text(
        "from conductor.client.telemetry.metrics_collector import MetricsCollector\n"
        "print(MetricsCollector.__module__.partition('.')[0])\n",
        encoding="utf-8",
    )
    script = str(tmp_path / "worker.py")
    assert installed.run("ictus", "run", script).strip() == "ictus"
    assert installed.run("env", "ICTUS_DISABLE=1", "ictus", "run", script).strip() == "conductor"
