"""Tests that environments get the Python that they ask for, and that a warning names one they lack."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CI = Path(__file__).resolve().parents[3] / ".ci"
APT = """#!/bin/sh
echo "$@" >>"{folder}/calls"
echo "E: Failed to fetch http://deb.debian.org/InRelease" >&2
exit 100
"""
OTHER_PYTHON = """#!/bin/sh
case "$*" in
    --version) echo "Python 3.70.1" ;;
    "-m venv"*) mkdir -p environment/bin && cp "$0" environment/bin/python ;;
esac
"""


def run(folder: Path, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a copy of a script of `.ci`, which unpacks below the copy."""
    shutil.copytree(CI, folder / ".ci", dirs_exist_ok=True)
    path = f"{folder}:/usr/bin:/bin"
    environment = {**os.environ, "PATH": path, "PYENV_ROOT": str(folder / "pyenv"), "ICTUS_APT_PAUSE": "0"}
    return subprocess.run(
        command,
        cwd=folder,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def install(folder: Path, version: str) -> Path:
    """Creates a program of that name which is this Python."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / version
    program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return program


def test_installed_python_is_used(tmp_path: Path) -> None:
    install(tmp_path, "python3.77")
    printed = run(tmp_path, ".ci/get_python.sh", "3.77")
    assert (printed.stdout, printed.stderr) == (f"{sys.executable}\n", "")


def test_python_of_pyenv_is_used(tmp_path: Path) -> None:
    install(tmp_path / "pyenv" / "versions" / "3.77.1" / "bin", "python")
    # This is what the program of pyenv does for a version that is not selected.
    shim = tmp_path / "python3.77"
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.77: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    printed = run(tmp_path, ".ci/get_python.sh", "3.77")
    assert (printed.stdout, printed.stderr) == (f"{sys.executable}\n", "")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="only Debian's packages can be unpacked")
@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_download_is_repeated_and_its_error_is_printed(tmp_path: Path, version: str) -> None:
    if shutil.which(f"python{version}", path="/usr/bin:/bin"):
        pytest.skip(f"Python {version} is installed here")
    apt = tmp_path / "apt-get"
    apt.write_text(APT.format(folder=tmp_path), encoding="utf-8")
    apt.chmod(0o755)
    printed = run(tmp_path, ".ci/get_python.sh", version)
    assert (printed.returncode, printed.stdout) == (1, "")
    assert printed.stderr.splitlines()[1:] == [
        f"Python {version}: three attempts to download it failed; "
        "the last error: E: Failed to fetch http://deb.debian.org/InRelease"
    ]
    assert len((tmp_path / "calls").read_text(encoding="utf-8").splitlines()) == 3


def test_environment_without_the_requested_python_has_another_and_a_warning(tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text(OTHER_PYTHON, encoding="utf-8")
    other.chmod(0o755)
    command = [".ci/venv.sh", "environment", "-", "requirements.txt"]
    printed = run(tmp_path, *command, PYTHONS="3.77 3.76", PYTHON=str(other))
    assert printed.returncode == 0, printed.stderr
    assert (tmp_path / "environment" / "bin" / "python").exists()
    *reasons, warning = printed.stderr.splitlines()
    assert [line.partition(":")[0] for line in reasons] == ["Python 3.77", "Python 3.76"]
    assert warning.startswith(
        "WARNING: PYTHON 3.77 IS NOT TESTED: environment has Python 3.70.1 instead, for the reason above"
    )


def test_environment_with_the_requested_python_has_no_warning(tmp_path: Path) -> None:
    program = install(tmp_path, "python3.70")
    program.write_text(f"#!/bin/sh\ncase $1 in -c) echo {program} ;; esac\n{OTHER_PYTHON}", encoding="utf-8")
    command = [".ci/venv.sh", "environment", "-", "requirements.txt"]
    printed = run(tmp_path, *command, PYTHONS="3.70 3.69")
    assert (printed.returncode, printed.stderr) == (0, "")
