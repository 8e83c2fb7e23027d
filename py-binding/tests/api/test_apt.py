"""Tests that `.ci/debian.sh` waits for locks, prints the errors of apt, and stops no process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
APT = """#!/bin/sh
echo "$@" >>"{folder}/calls"
case "$*" in *install*) ;; *) exit 0 ;; esac
[ "$(grep -c install "{folder}/calls")" -gt {failures} ] || {{ echo "{error}" >&2; exit 100; }}
"""
LOCKED = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1 (apt)"

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="apt-get is called by root alone")


def install(
    folder: Path, failures: int, error: str, ci: str = ""
) -> tuple[subprocess.CompletedProcess[str], int]:
    """Runs `.ci/debian.sh` with an apt-get that fails that often; also returns the number of calls."""
    apt = folder / "apt-get"
    apt.write_text(APT.format(folder=folder, failures=failures, error=error))
    apt.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "ICTUS_APT_PAUSE": "0", "CI": ci}
    command: list[str | Path] = [ROOT / ".ci" / "debian.sh", "no-such-program"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done, len((folder / "calls").read_text().splitlines())


def test_locks_are_waited_for(tmp_path: Path) -> None:
    done, calls = install(tmp_path, 4, LOCKED)
    assert (done.returncode, calls) == (0, 5)
    assert "DPkg::Lock::Timeout" in (tmp_path / "calls").read_text()


def test_lists_are_fetched_once(tmp_path: Path) -> None:
    done, calls = install(tmp_path, 1, "E: Unable to locate package")
    assert (done.returncode, calls) == (0, 3)


@pytest.mark.parametrize("error", [LOCKED, "E: Unable to locate package"])
def test_program_that_cannot_be_installed_is_skipped_with_the_error_of_apt(
    tmp_path: Path, error: str
) -> None:
    done, calls = install(tmp_path, 1000, error)
    assert done.returncode == 77
    assert error in done.stderr
    assert calls < 20


def test_continuous_integration_fails_for_want_of_a_program(tmp_path: Path) -> None:
    done, _ = install(tmp_path, 1000, LOCKED, ci="true")
    assert done.returncode == 1
