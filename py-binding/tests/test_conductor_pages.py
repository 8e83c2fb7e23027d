"""Tests that the programs of the pages on the drop-in run, and that the names in the pages exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from application import app, executed
from harness import (
    TESTS,
    Sample,
    conductor,
    environment,
    eventually,
    file_samples,
    free_port,
    get,
    key,
    kill,
    parse,
    reachable,
)
from ictus.conductor import MetricsSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = TESTS.parents[1] / "docs"
PAGE = (DOCS / "metrics.md").read_text(encoding="utf-8")
PROGRAMS: list[str] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
DIRECTORY = "/var/lib/conductor/metrics"
SERVER = "http://localhost:8080/api"
WORKERS = {"greet": "greet", "your_module": "awaiting", "Resize": "resize"}
YOUR_MODULE = """\
from conductor.client.worker.worker_task import worker_task

@worker_task(task_definition_name="awaiting")
async def awaiting() -> dict:
    return {"fine": True}
"""


@pytest.fixture
def written(directory: str) -> Path:
    return Path(directory, "conductor_metrics.prom")


def program(part: str, **replacements: str) -> str:
    """Returns the program that contains this text, with its placeholders replaced."""
    [text] = [text for text in PROGRAMS if part in text]
    for placeholder, value in ((DIRECTORY, replacements["directory"]), (SERVER, replacements.get("url", ""))):
        text = text.replace(placeholder, value)
    return text.replace("update_interval=10", "update_interval=0.1").replace(
        "8000", replacements.get("port", "8000")
    )


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Yields a list for the processes that a test starts, and ends them afterwards."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        kill(process)


def start(text: str, tmp_path: Path) -> subprocess.Popen[bytes]:
    (tmp_path / "program.py").write_text(text, encoding="utf-8")
    (tmp_path / "your_module.py").write_text(YOUR_MODULE, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def test_every_program_is_run() -> None:
    assert len(PROGRAMS) == len(WORKERS) + 2


@pytest.mark.parametrize("part", WORKERS)
def test_a_program_with_workers_has_all_timers(
    part: str, directory: str, written: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    task = WORKERS[part]
    timers = {
        key(f"{name}_count", taskType=task, status="SUCCESS")
        for name in ("task_poll_time_seconds", "task_execute_time_seconds", "task_update_time_seconds")
    }

    def holds(shown: dict[Sample, float]) -> bool:
        requests = {name for name, _ in shown}
        return timers <= shown.keys() and "api_request_time_seconds_count" in requests

    with conductor() as stub:
        started.append(start(program(part, directory=directory, url=f"{stub.url}/api"), tmp_path))
        shown = eventually(lambda: file_samples(written), holds)
    assert holds(shown), sorted(shown)
    quantiles = {"0.5", "0.75", "0.9", "0.95", "0.99"}
    for name in ("task_poll_time_seconds", "task_execute_time_seconds", "task_update_time_seconds"):
        assert {key(name, taskType=task, status="SUCCESS", quantile=q) for q in quantiles} <= shown.keys()
    assert not list(Path(directory).glob("*.db"))


def test_documented_cleaning_empties_the_directory(directory: str, tmp_path: Path) -> None:
    Path(directory, "ictus").mkdir()
    Path(directory, "ictus", "totals").write_bytes(b"something old")
    Path(directory, "old.db").write_bytes(b"something older")
    process = start(program("rmtree", directory=directory), tmp_path)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert list(Path(directory).iterdir()) == []


def test_small_server_serves_the_file(
    directory: str, written: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    port = free_port()
    started.append(start(program("ThreadingHTTPServer(", directory=directory, port=str(port)), tmp_path))
    assert eventually(lambda: reachable(port), bool)
    assert get(port, "/metrics")[0] == 404
    written.write_text('task_poll_total{taskType="t"} 1.0\n', encoding="utf-8")
    status, kind, body = get(port, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert parse(body.decode()) == {key("task_poll_total", taskType="t"): 1.0}
    assert get(port, "/")[0] == 404


def test_table_of_settings_is_complete() -> None:
    sources = Path(sys.modules[MetricsSettings.__module__].__file__ or "").parents[1]
    read = {
        variable
        for path in sources.rglob("*.py")
        for variable in re.findall(r"\bICTUS_[A-Z_]+\b", path.read_text(encoding="utf-8"))
    } | {"ICTUS_WINDOW", "ICTUS_MAX_SERIES"}
    read.remove("ICTUS_REGISTRY")  # A setting of Django, not a variable.
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines()]
    rows = [row for row in rows if len(row) == 4 and row[0] != "surface"]
    assert {match for row in rows for match in re.findall(r"`(ICTUS_[A-Z_]+)`", row[1])} == read
    documented = {row[0].strip("`"): row[2].strip("`") for row in rows if row[0].startswith("`")}
    settings = MetricsSettings()
    attributes = {name: value for name, value in vars(settings).items() if not name.startswith("_")}
    assert attributes.keys() <= documented.keys()
    for name, value in attributes.items():
        expected = {"None": "none", str(Path.home()) + "/tmp/": "~/tmp/"}.get(str(value), str(value))
        if name in ("window", "max_series"):
            expected = "1000"
        assert documented[name] == expected


def test_tests_named_by_the_comparison_exist() -> None:
    page = (DOCS / "comparison.md").read_text(encoding="utf-8")
    tests = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 10
    assert not [name for name in named if f"def {name}(" not in tests]
    claims = page.split("## Cost of a task")[0]  # The cost is measured.
    rows = [line for line in claims.splitlines() if re.match(r"\| (?!problem)", line)]
    assert len(rows) > 10
    assert not [row for row in rows if "`test_" not in row]


def test_program_that_compares_prints_the_differences(tmp_path: Path) -> None:
    """Runs workers of both kinds in turn: Ictus shows everything that the SDK shows."""
    [text] = re.findall(
        r"^```python\n(.*?)^```", (DOCS / "migration.md").read_text(), re.DOTALL | re.MULTILINE
    )
    for name, variables in (("sdk", {"ICTUS_DISABLE": "1"}), ("ictus", {})):
        with app(str(tmp_path / name), ([sys.executable, "app.py"], "settings", variables)):
            executed(str(tmp_path / name))
    places = [str(tmp_path / "sdk" / "out.prom"), (tmp_path / "ictus" / "out.prom").as_uri()]
    ran = subprocess.run(
        [sys.executable, "-c", text, *places], capture_output=True, text=True, check=True, timeout=60
    )
    lines = ran.stdout.splitlines()
    assert len(lines) > 40
    assert not [line for line in lines if line.startswith("another")]
    # Both kinds have received the same kinds of tasks. The status of requests may differ.
    missing = [line for line in lines if line.startswith("missing") and "http_api_client_request" not in line]
    assert missing == []
    assert [line for line in lines if line.endswith(" task_poll_total {'taskType': 'plain'}")]
