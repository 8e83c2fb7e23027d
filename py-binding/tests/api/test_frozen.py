"""Tests that a program frozen by PyInstaller contains everything that it uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """\
import sys

import ictus
from ictus.asgi import TimingMiddleware

registry = ictus.Registry()
TimingMiddleware(None, registry=registry)
with registry.timer("block_seconds").time():
    pass


@registry.timer("work_seconds").time()
@registry.counter("errors").count_exceptions()
@registry.gauge("inside").track_inprogress()
def work():
    return registry.render().decode()


assert "inside 1.0" in work()
with registry.timer("labelled_seconds", "", ["outcome"]).time():
    pass  # Logged.
server = ictus.start_http_server(0, "127.0.0.1", registry=registry)
application = ictus.make_wsgi_app(registry=registry)
ictus.process.watch(registry).close()
ictus.testing.reset(registry)
work()
timing = registry.snapshot().timing("work_seconds")
assert len(timing.window) == 1
assert ictus.Registry(sys.argv[1]).directory.exists()
print("frozen", timing.count)
"""


def test_frozen_program_has_every_module_that_it_uses(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "PyInstaller", "--log-level", "ERROR", "--noupx", "program.py"]
    frozen = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert frozen.returncode == 0, frozen.stderr
    # The program finds nothing of this environment.
    run = subprocess.run(
        [tmp_path / "dist" / "program" / "program", tmp_path / "metrics"],
        cwd="/",
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "frozen 1\n", run.stderr
    assert "labelled_seconds was not recorded" in run.stderr
