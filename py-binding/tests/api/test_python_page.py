"""Tests the page for Python programs: its examples run and print the results that it shows."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

import ictus
from harness import TESTS, eventually, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (TESTS.parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
PROGRAMS: list[str] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
APPLICATION, METRICS, READING = PROGRAMS
[SERVE] = re.findall(r"^gunicorn (.*) &$", PAGE, re.MULTILINE)
WORKERS = 8
REQUESTS = 400


@pytest.fixture(params=[(), ("--preload",)], ids=["", "preload"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yields the address of the page's application, served by gunicorn with the page's command."""
    (tmp_path / "app.py").write_text(APPLICATION, encoding="utf-8")
    listening = f"127.0.0.1:{free_port()}"
    command = SERVE.replace("127.0.0.1:8000", listening).split()
    assert command[:2] == ["--workers", str(WORKERS)]
    with subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *request.param, *command],
        cwd=tmp_path,
        env=dict(os.environ, METRICS=str(tmp_path / "metrics")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as gunicorn:
        eventually(lambda: reachable(f"http://{listening}/cart"), bool)
        yield f"http://{listening}"
        gunicorn.send_signal(signal.SIGTERM)


def reachable(url: str) -> bool:
    try:
        return bool(get(url))
    except URLError:
        return False


def get(url: str) -> str:
    with urlopen(url, timeout=60) as answer:
        text: str = answer.read().decode()
    return text


def count(address: str) -> float:
    """Returns the number of requests for the cart, as reported by one of the workers."""
    families = text_string_to_metric_families(get(f"{address}/metrics"))
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == "request_seconds_count" and sample.labels == {"route": "/cart"}
    )


def test_eight_workers_are_merged_and_a_killed_one_loses_nothing(address: str, tmp_path: Path) -> None:
    begun = count(address)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: get(f"{address}/cart"), range(REQUESTS)))
    # A response is sent shortly before its request is recorded.
    total = begun + REQUESTS
    assert eventually(lambda: count(address), lambda seen: seen == total) == total
    metrics = tmp_path / "metrics"
    timing = ictus.read(metrics).timing("request_seconds", route="/cart")
    assert timing is not None
    assert timing.count == len(timing.window) == total
    ordered = sorted(timing.window)
    assert timing.quantile(0.5) == pytest.approx(
        (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    )
    workers = {int(task) for task in children()}
    assert len(workers) == WORKERS
    os.kill(min(workers), signal.SIGKILL)
    eventually(children, lambda now: len(set(now) - workers) == 1)
    for _ in range(WORKERS):
        assert count(address) == total
    shown = subprocess.run(
        [sys.executable, "-m", "ictus", "dump", str(metrics), "--format", "table"],
        capture_output=True,
        text=True,
        check=True,
    )
    row = rf"^request_seconds +route=/cart +{total:.0f} "
    assert re.search(row, shown.stdout, re.MULTILINE), shown.stdout


def children() -> list[int]:
    """Returns the worker processes of the only gunicorn that this process has started."""
    # Other tests of this process may have left children.
    [master] = [child for child in _children(os.getpid()) if b"gunicorn" in _arguments(child)]
    return _children(master)


def _arguments(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def _children(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8")
    return [int(child) for child in listed.split()]


def test_reference_of_the_page_exists(directory: str) -> None:
    program: dict[str, Any] = {}
    exec(METRICS.replace("/tmp/shop-metrics", directory), program)
    for order in range(30):
        if order % 10:
            program["work"](order)
        else:
            with pytest.raises(ValueError, match=str(order)):
                program["work"](order)
    asyncio.run(program["later"](1))
    reading: dict[str, Any] = {}
    exec(READING.replace("/tmp/shop-metrics", directory), reading)
    assert reading["timing"].count == 27
    assert reading["snapshot"].value("job_failures") == 3
    assert reading["snapshot"].value("jobs_running") == 0
    assert reading["snapshot"].timing("job_seconds", outcome="awaited").count == 1


def test_programs_of_the_page_print_its_numbers(directory: str, tmp_path: Path) -> None:
    printed = []
    for program in (METRICS, READING):
        (tmp_path / "program.py").write_text(
            program.replace("/tmp/shop-metrics", directory), encoding="utf-8"
        )
        command = [sys.executable, "program.py"]
        printed.append(
            subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        )
    recorded, read = printed
    timing, others = read.splitlines()
    assert (recorded, timing.split()[0], others) == ("", "9", "0.0 0")
    assert "prints the count 9" in PAGE
    assert "`0.0 0`" in PAGE


def test_names_of_the_page_exist() -> None:
    import ictus.otel  # noqa: PLC0415
    import ictus.process  # noqa: PLC0415
    import ictus.prometheus  # noqa: PLC0415
    import ictus.testing  # noqa: PLC0415

    for dotted in re.findall(r"`ictus\.([a-z_.]+)\(", PAGE):
        named: Any = ictus
        for name in dotted.split("."):
            named = getattr(named, name)
        assert callable(named), dotted
