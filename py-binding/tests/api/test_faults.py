"""Tests a host program under faults at each moment of its recording, from Python and from the drop-in.

``faults/matrix.py`` has the faults and the moments; ``make faults`` runs all of them, in all
languages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = Path(__file__).resolve().parents[3] / "faults"


@pytest.mark.skipif(os.geteuid() != 0, reason="file systems of its own need root")
@pytest.mark.skipif(shutil.which("cc") is None, reason="what a host does is written in C")
def test_faults_of_the_host_lose_nothing(tmp_path: Path) -> None:
    host = tmp_path / "host.so"
    subprocess.run(["cc", "-std=gnu11", "-shared", "-fPIC", FAULTS / "host.c", "-o", host], check=True)
    done = subprocess.run(
        [sys.executable, FAULTS / "matrix.py", "--short", "--alternate", "python", "dropin"],
        env={**os.environ, "FAULTS_HOST": str(host), "FAULTS_PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
