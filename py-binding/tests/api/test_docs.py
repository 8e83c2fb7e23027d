"""Tests that every block of code in the docs is run: here, or by the test that is named here."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ictus
from harness import TESTS, Stub, eventually, free_port, get

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = TESTS.parents[1]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)

ELSEWHERE = {
    ("c-api.md", "c"): "ffi-c/tests/c_program.rs",
    ("c-api.md", "cpp"): "ffi-c/tests/c_program.rs",
    ("c-api.md", "sh"): "ffi-c/tests/installed.rs",
    ("fleet/README.md", "promql"): "exporter/tests/prometheus/fleet.rs",
    ("fleet/README.md", "yaml"): "exporter/tests/prometheus/fleet.rs",
    ("metrics.md", "python"): "py-binding/tests/test_conductor_pages.py",
    ("metrics.md", "promql"): "py-binding/tests/test_conductor_pages.py",
    ("migration.md", "python"): "py-binding/tests/test_conductor_pages.py",
    ("promql.md", "promql"): "exporter/tests/prometheus/page.rs",
    ("promql.md", "yaml"): "exporter/tests/prometheus/page.rs",
    ("python.md", "python"): "py-binding/tests/api/test_python_page.py",
    ("python.md", "sh"): "py-binding/tests/api/test_python_page.py",
    ("python.md", "text"): "py-binding/tests/api/test_python_page.py",
    ("python-web.md", "python"): "py-binding/tests/api/test_web_workers.py",
    ("python-web.md", "sh"): "py-binding/tests/api/test_web_workers.py",
    ("python-web.md", "text"): "py-binding/tests/api/test_web_workers.py",
    ("start/c.md", "c"): "ffi-c/tests/installed.rs",
    ("start/c.md", "sh"): "ffi-c/tests/installed.rs",
    ("start/rust.md", "rust"): "exporter/src/lib.rs",
    ("sdks.md", "rust"): "exporter/tests/docs.rs",
    ("tls.md", "yaml"): "exporter/tests/prometheus/secured.rs",
}
"""Blocks that another test runs; that test names the page."""
HERE = {
    ("command.md", "sh"),
    ("fleet/runbook.md", "promql"),
    ("fleet/runbook.md", "sh"),
    ("metrics.md", "sh"),
    ("migration.md", "sh"),
    ("start/conductor.md", "sh"),
    ("start/conductor.md", "python"),
    ("start/conductor.md", "text"),
    ("start/operators.md", "sh"),
    ("tls.md", "sh"),
    ("troubleshooting.md", "sh"),
}
NOT_RUN = {
    ("command.md", "json"): "an example of what dump prints, whose schema exporter/src/json.rs tests",
    ("concepts.md", "text"): "a picture",
    ("deploy/README.md", "ini"): "of systemd, which no test has",
    ("deploy/README.md", "sh"): "of systemd and containers, which no test has",
    ("sdks.md", "go"): "an interface that bindings/go implements",
    ("start/rust.md", "toml"): "a line of a user's own Cargo.toml",
}


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return [code for tag, code in BLOCK.findall(text) if tag == language]


def commands(page: str) -> Iterator[str]:
    """Yields the commands of a page's shell blocks, each complete."""
    for block in blocks(page, "sh"):
        command = ""
        for line in block.splitlines():
            command += line + "\n"
            # A backslash or an open quote continues the command on the next line.
            if not line.endswith("\\") and command.count("'") % 2 == 0:
                yield command.strip()
                command = ""


def test_every_block_has_its_test() -> None:
    pages = {
        path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")
    }
    existing = {(page, language) for page, text in pages.items() for language, _ in BLOCK.findall(text)}
    assert existing == ELSEWHERE.keys() | HERE | NOT_RUN.keys()
    for (page, _), test in ELSEWHERE.items():
        assert page in (ROOT / test).read_text(encoding="utf-8"), (page, test)


@pytest.fixture
def shop(directory: str) -> ictus.Registry:
    """Returns a registry with some metrics to show."""
    registry = ictus.Registry(directory)
    registry.timer("job_seconds", "Jobs.", ["job"]).labels("a").observe(0.1)
    return registry


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    "page", ["command.md", "fleet/runbook.md", "start/operators.md", "troubleshooting.md"]
)
def test_commands_of_the_pages_work(page: str, directory: str, tmp_path: Path) -> None:
    """Runs each line, with paths and addresses of the test in place of those of a machine."""
    places = {
        "/var/lib/conductor/metrics": directory,
        "/var/lib/imports/metrics": directory,
        "0.0.0.0:9464": f"127.0.0.1:{free_port()}",
        "/run/ictus": str(tmp_path),
        "/var/lib/node_exporter": str(tmp_path),
        "/etc/bash_completion.d": str(tmp_path),
        "/usr/local/share/man/man1": str(tmp_path),
    }
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = 0
    for written in commands(page):
        if written.startswith(("ictus run ", "install ")):
            continue  # Run for metrics.md below, or needs a group of users that tests do not have.
        command = re.sub("|".join(map(re.escape, places)), lambda match: places[match[0]], written)
        keeps_running = command.startswith(("ictus serve", "ictus write"))
        shell = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", f"exec {command}" if keeps_running else command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        if keeps_running:
            assert shell.stderr is not None
            line = shell.stderr.readline()
            assert "serving" in line or "writing" in line, (command, line)
            shell.terminate()
        output = shell.communicate(timeout=30)
        # Without a terminal `top` fails, and without a gateway `push` fails; both print the reason.
        expected = 2 if command.startswith("ictus top") else 1 if command.startswith("ictus push") else 0
        if "--surface canonical --listen" not in command:
            assert shell.returncode == expected, (command, output)
        ran += 1
    assert ran >= 1


def test_every_alert_leads_to_its_section_of_the_runbook(tmp_path: Path) -> None:
    alerts = (DOCS / "fleet" / "rules" / "alerts.yml").read_text(encoding="utf-8")
    page = (DOCS / "fleet" / "runbook.md").read_text(encoding="utf-8")
    named = re.findall(r"- alert: (\w+)", alerts)
    assert named
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == named
    repository = "https://github.com/conductor-oss/ictus/blob/main/docs/fleet/runbook.md"
    assert re.findall(r"runbook_url: (\S+)", alerts) == [f"{repository}#{name.lower()}" for name in named]
    # Prometheus accepts each query, and each metric of a query is one of the catalog or of the rules.
    metrics = (DOCS / "metrics.md").read_text(encoding="utf-8") + alerts
    queries = [query.strip() for query in blocks("fleet/runbook.md", "promql")]
    for query in queries:
        for name in re.findall(r"\b[a-z]\w*(?=\{)", query):
            assert name in metrics, query
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "runbook", "rules": rules}]}))
    subprocess.run(["promtool", "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, check=True)


def test_tls_works_as_documented(directory: str, tmp_path: Path, shop: ictus.Registry) -> None:
    ictus_there = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    port = str(free_port())
    [block] = blocks("tls.md", "sh")
    script = block.replace("/etc/ictus", str(tmp_path)).replace("/var/lib/conductor/metrics", directory)
    script = script.replace("9464", port).replace("0.0.0.0", "127.0.0.1")
    serve = script.index("ictus serve")
    curl = script.index("curl")
    waits = f"& until curl --silent --insecure https://localhost:{port}/health; do sleep 0.1; done\n"
    script = script[:serve] + script[serve:curl].rstrip() + waits + script[curl:] + "kill %1\n"
    ran = subprocess.run(
        ["bash", "-emc", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PATH": ictus_there},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert 'job_seconds_count{job="a"} 1.0' in ran.stdout
    assert "https://" in ran.stderr
    del shop


@pytest.fixture
def server() -> Iterator[Stub]:
    with Stub(rate=100, tasks=30, poll_errors=0, update_errors=0, seed=1) as stub:
        yield stub


def test_worker_starts_as_documented(server: Stub, tmp_path: Path) -> None:
    """The worker also runs without a changed line, and off: the page repeats lines of other pages."""
    [program] = blocks("start/conductor.md", "python")
    port = free_port()
    metrics = tmp_path / "worker-metrics"
    program = program.replace("/tmp/worker-metrics", str(metrics)).replace("8000", str(port))
    (tmp_path / "worker.py").write_text(program, encoding="utf-8")
    install, script = blocks("start/conductor.md", "sh")
    assert install == "make wheel\npip install dist/ictus-*.whl conductor-python\n"
    script = script.replace("/tmp/worker-metrics", str(metrics)).replace("8000", str(port))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CONDUCTOR_SERVER_URL": f"{server.url}/api",
    }
    shell = subprocess.Popen(
        ["bash", "-ec", script],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    # The workers continue and keep the pipe open.
    late = threading.Timer(60, os.killpg, (shell.pid, signal.SIGKILL))
    late.start()
    try:
        assert shell.stdout is not None
        output = ""
        while "TIMER" not in output:
            line = shell.stdout.readline()
            assert line, output
            output += line
        [line] = [line for line in output.splitlines() if line.startswith("task_execute_time_seconds_count{")]
        assert 'taskType="charge_card"' in line
        assert float(line.split()[-1]) >= 1
        assert eventually(lambda: get(port, "/")[2], lambda body: body == b"OK")
        # The page shows the head of the table, and rows that a worker of one task type has.
        [table] = blocks("start/conductor.md", "text")
        assert table.splitlines()[0].split() == output.splitlines()[-1].split()
        rows = {tuple(row.split()[:3]) for row in table.splitlines()[1:]}
        while rows:
            line = shell.stdout.readline()
            assert line.strip(), rows
            rows.discard(tuple(line.split()[:3]))
    finally:
        late.cancel()
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()


PROGRAM = """\
import sys
from conductor.client.telemetry import metrics_collector
print(metrics_collector.MetricsCollector.__module__.split(".")[0], *sys.argv[1:])
"""


def test_programs_start_as_documented(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    for program in (tmp_path / "worker.py", package / "__main__.py", package / "module.py"):
        program.write_text(PROGRAM, encoding="utf-8")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    printed = {}
    for page in ("command.md", "metrics.md", "migration.md"):
        for command in commands(page):
            if "worker.py" in command or "-m package" in command:
                ran = subprocess.run(
                    ["bash", "-c", command],
                    cwd=tmp_path,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=True,
                )
                printed[" ".join(command.split())] = ran.stdout.strip()
    assert printed == {
        "ictus run worker.py --port 8000": "ictus --port 8000",
        "ictus run -m package.module": "ictus",
        "ictus run worker.py # or: ictus run -m package": "ictus",
        "ICTUS_CONDUCTOR=1 python worker.py": "ictus",
        "ICTUS_DISABLE=1 METRICS=/var/lib/conductor/metrics-sdk python worker.py": "conductor",
        # The program itself has the import.
        "METRICS=/var/lib/conductor/metrics-ictus python worker.py": "conductor",
    }


def test_programs_that_are_named_are_installed() -> None:
    """Every program that the pages' commands need is installed, so that no command was skipped."""
    needed = ["bash", "curl", "jq", "openssl", "promtool"]
    missing = [program for program in needed if shutil.which(program) is None]
    assert missing == [] or os.environ.get("CI") != "true"


def all_tests() -> str:
    """Returns all sources that contain tests."""
    patterns = ("*/src/**/*.rs", "*/tests/**/*.rs", "py-binding/tests/**/*.py", "py-binding/e2e/*.py")
    return "".join(path.read_text(encoding="utf-8") for pattern in patterns for path in ROOT.glob(pattern))


def exists(name: str, tests: str) -> bool:
    """Returns whether there is a test, a file of tests or another file of that name."""
    files = [*ROOT.glob(f"*/tests/**/{name}"), *ROOT.glob(name), *ROOT.glob(f"fuzz/seeds/{name}")]
    return bool(re.search(rf"(fn|def) {name}\(", tests) or files)


def test_unsafe_code_is_listed_on_its_page() -> None:
    page = (DOCS / "safety.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\S+\.rs)`.*?\| (\d+) \|.*\| (.*) \|$", page, re.MULTILINE)
    described = {name: int(blocks) for name, blocks, _ in rows}
    counted: dict[str, int] = {}
    for path in sorted(ROOT.glob("*/src/**/*.rs")):
        name = path.relative_to(ROOT).as_posix()
        blocks = len(re.findall(r"^(?!\s*//).*\bunsafe \{", path.read_text(encoding="utf-8"), re.MULTILINE))
        if blocks and not name.startswith("benches/"):
            # The C border is one row of the table.
            name = "ffi-c/src/timer.rs" if name.startswith("ffi-c/") else name
            counted[name] = counted.get(name, 0) + blocks
    assert described == counted
    tests = all_tests()
    for _, _, evidence in rows:
        for name in re.findall(r"`([\w/.]+)`", evidence):
            assert exists(name, tests), name


def test_sentences_of_the_page_on_security_are_tested() -> None:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    _, model = page.split("## Threat model\n")
    tests = all_tests()
    rows = 0
    for paragraph in model.strip().split("\n\n"):
        if paragraph.startswith("#"):
            continue
        if not paragraph.startswith("|"):
            # The paragraph only leads to a table or to another page, and promises nothing.
            assert "](" in paragraph, paragraph
            continue
        for row in paragraph.splitlines()[2:]:
            named = re.findall(r"`([\w/.]+)`", row.rstrip("| ").rpartition("|")[2])
            assert named, row
            for name in named:
                assert exists(name, tests), name
            rows += 1
    assert rows >= 35


def test_dependencies_of_every_language_are_audited_each_week() -> None:
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    _, recipe = make.split("\naudit: ")
    recipe, _ = recipe.split("\n\n", 1)
    for tool in ("cargo-deny --workspace check", "pip-audit --requirement", ".ci/audit.sh"):
        assert tool in recipe, tool
    script = (ROOT / ".ci" / "audit.sh").read_text(encoding="utf-8")
    for files in ("osv-scanner", "*go.mod", "*package-lock.json", "*pom.xml"):
        assert files in script, files
    workflow = (ROOT / ".github" / "workflows" / "audit.yml").read_text(encoding="utf-8")
    assert re.search(r'^    - cron: "\d+ \d+ \* \* \d"$', workflow, re.MULTILINE)
    assert "- run: make audit\n" in workflow


def test_rows_of_the_page_on_reliability_are_tested() -> None:
    page = (DOCS / "reliability.md").read_text(encoding="utf-8").split("\n## ")[0]
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert len(rows) >= 10
    tests = all_tests()
    for row in rows:
        named = re.findall(r"`([\w/.]+)`", row.split("|")[2])
        assert named or "the models" in row.split("|")[2], row
        for name in named:
            assert exists(name, tests), name
