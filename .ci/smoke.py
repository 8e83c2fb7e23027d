#!/usr/bin/env python3
"""Uses the installed package: records a value and checks that it is shown."""

import subprocess
import tempfile

import ictus

with tempfile.TemporaryDirectory() as directory:
    registry = ictus.Registry(directory)
    registry.timer("job_seconds").observe(0.5)
    text = registry.render()
    assert b"job_seconds_count 1.0" in text, text
    shown = subprocess.run(["ictus", "dump", directory], check=True, capture_output=True).stdout
    assert b"job_seconds_count 1" in shown, shown
print(f"ictus {ictus.__version__} records and shows")
