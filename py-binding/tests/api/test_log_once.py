"""Tests that each process logs a warning once, a forked child as well."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import logging, os, sys
from ictus import _log_once
logging.basicConfig(stream=sys.stdout, format="%(process)d %(message)s")
for _ in range(3):
    _log_once.warning("the trouble")
child = os.fork()
for _ in range(3):
    _log_once.warning("the trouble")
sys.stdout.flush()
if child:
    os.waitpid(child, 0)
else:
    os._exit(0)
"""


def test_forked_child_logs_a_cause_that_its_parent_logged() -> None:
    shown = subprocess.run([sys.executable, "-u", "-c", _PROGRAM], capture_output=True, check=True, text=True)
    lines = shown.stdout.splitlines()
    assert len(lines) == len({line.split()[0] for line in lines}) == 2, shown.stdout
