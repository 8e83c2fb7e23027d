"""Real workers of the installed SDK, timed by Ictus: ``/metrics`` must agree with the server's counts."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "examples" / "demo"
sys.path[:0] = [str(DEMO), str(ROOT / "testing")]
import demo  # noqa: E402
import exposition  # noqa: E402
import screen  # noqa: E402
from conductor_stub import Counts, Stub  # noqa: E402

pytest.importorskip("conductor.client", reason="needs conductor-python")

TASKS = 60
SEED = 1847
"""With this seed a poll fails early, and updates fail so rarely that no worker runs out of threads."""
TASK_TYPES = {"resize_image", "fetch_price", "charge_card"}


# The run


@dataclass
class Run:
    """The results of one run of ``worker.py``."""

    samples: list[exposition.Sample]
    types: dict[str, str]
    polls_before: int
    polls_after: int
    counts: dict[str, Counts]
    status: int
    session_lives: bool
    log: str

    def total(self, name: str, **labels: str) -> float:
        """Returns the sum of a family's samples with these labels."""
        return exposition.total(self.samples, name, **labels)


def polls(counts: dict[str, Counts]) -> int:
    return sum(entry.polls for entry in counts.values())


def poll_errors(counts: dict[str, Counts]) -> int:
    return sum(entry.poll_errors for entry in counts.values())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Lets the workers finish all existing tasks, reads the endpoint, and ends the workers."""
    directory = tmp_path_factory.mktemp("demo")
    port = demo.free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    with Stub(rate=100, tasks=TASKS, poll_errors=0.03, update_errors=0.03, seed=SEED) as stub:
        with demo.workers(stub.url, port, 60, directory) as process:

            def done() -> bool:
                assert process.poll() is None, (directory / "worker.log").read_text()[-3000:]
                counts = stub.counts
                return set(counts) == TASK_TYPES and all(
                    entry.handed_out == TASKS and entry.settled() for entry in counts.values()
                )

            assert demo.wait_for(done, 60), stub.counts

            # A response is counted shortly after it was received, so the last ones may take a moment.
            def caught_up() -> bool:
                answered = sum(entry.updates for entry in stub.counts.values())
                samples, _ = exposition.parse(demo.fetch(url))
                return exposition.total(samples, "http_api_client_request_count", method="POST") >= answered

            demo.wait_for(caught_up, 10)
            # Polls continue, and fail: retry until none failed between the server's counts and the
            # scrape.
            for _ in range(50):
                counts = stub.counts
                polls_before = polls(counts)
                time.sleep(0.2)
                samples, types = exposition.parse(demo.fetch(url))
                if poll_errors(stub.counts) == poll_errors(counts):
                    break
            time.sleep(0.5)  # A poll is counted before it is sent: let it arrive.
            polls_after = polls(stub.counts)
        yield Run(
            samples,
            types,
            polls_before,
            polls_after,
            counts,
            process.returncode,
            demo.session_lives(process.pid),
            (directory / "worker.log").read_text(errors="replace"),
        )


def test_counted_polls_equal_those_of_the_server(run: Run) -> None:
    assert run.polls_before <= run.total("task_poll_total") <= run.polls_after
    timed = run.total("task_poll_time_seconds_count")
    assert run.polls_before - len(TASK_TYPES) <= timed <= run.total("task_poll_total")


def test_every_task_was_timed_once(run: Run) -> None:
    for task_type in TASK_TYPES:
        assert run.total("task_execute_time_seconds_count", taskType=task_type) == TASKS


def test_failures_are_counted_by_message(run: Run) -> None:
    failed = [number for number in range(1, TASKS + 1) if number % 9 == 0 or number % 50 == 0]
    assert run.total("task_execute_time_seconds_count", status="FAILURE") == len(failed)
    assert run.total("task_execute_error_total", taskType="charge_card", exception="card declined") == 6
    assert run.total("task_execute_error_total") == len(failed)


def test_every_update_was_timed_by_its_status(run: Run) -> None:
    updates = sum(entry.updates for entry in run.counts.values())
    errors = sum(entry.update_errors for entry in run.counts.values())
    assert errors > 0, "the run had no failing update"
    assert run.total("http_api_client_request_count", method="POST", status="500") == errors
    assert run.total("http_api_client_request_count", method="POST") == updates
    assert run.total("task_update_error_total") == errors


def test_failed_polls_were_timed(run: Run) -> None:
    errors = sum(entry.poll_errors for entry in run.counts.values())
    assert errors > 0, "the run had no failing poll"
    assert run.total("task_poll_time_seconds_count", status="FAILURE") == errors
    assert run.total("http_api_client_request_count", method="GET", status="500") == errors


def test_update_times_exist_where_the_sdk_has_none(run: Run) -> None:
    updates = sum(entry.updates for entry in run.counts.values())
    errors = sum(entry.update_errors for entry in run.counts.values())
    assert run.total("task_update_time_seconds_count", status="FAILURE") == errors
    assert run.total("task_update_time_seconds_count") == updates


def test_the_documented_name_of_the_api_timer_shows_the_same(run: Run) -> None:
    def series(name: str) -> list[tuple[exposition.Labels, dict[str, float], float, float]]:
        return [
            (t.labels, t.quantiles, t.count, t.total)
            for t in exposition.timers(run.samples)
            if t.name == name
        ]

    assert series("http_api_client_request")
    assert series("api_request_time_seconds") == series("http_api_client_request")


def test_every_timer_has_a_count_a_sum_and_quantiles_in_order(run: Run) -> None:
    timers = exposition.timers(run.samples)
    assert {"task_poll_time_seconds", "task_execute_time_seconds", "http_api_client_request"} <= {
        timer.name for timer in timers
    }
    for timer in timers:
        values = [timer.quantiles[quantile] for quantile in screen.QUANTILES]
        assert values == sorted(values), timer
        assert values[0] > 0, timer
        assert timer.count >= 1, timer
        assert timer.total >= values[0], timer
        assert not math.isnan(timer.total), timer


def test_gauges_of_the_last_value_exist(run: Run) -> None:
    for name in ("task_poll_time", "task_execute_time", "task_result_size"):
        assert run.types[name] == "gauge"
        labelled = {dict(sample.labels)["taskType"] for sample in run.samples if sample.name == name}
        assert labelled == TASK_TYPES, name


def test_workers_end_on_request(run: Run) -> None:
    assert run.status == 0, run.log[-3000:]
    assert not run.session_lives


# The demonstration as a command


def start_demo(*options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(DEMO / "demo.py"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        text=True,
    )


def test_demonstration_prints_a_table_and_its_endpoint() -> None:
    port = demo.free_port()
    with start_demo("--seconds", "2", "--port", str(port)) as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, ""), output + errors
    assert f"http://127.0.0.1:{port}/metrics" in output
    assert "task_execute_time_seconds {taskType, status}" in output
    assert output.count("http_api_client_request {method, status, uri}") == 1
    for title in ("p50", "p75", "p90", "p95", "p99", "count", "sum"):
        assert title in output
    assert "\033" not in output
    assert "\r" not in output


def test_interrupted_demonstration_prints_its_measurements() -> None:
    with start_demo("--seconds", "60") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if " polls " in line:
                break
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, ""), output + errors
    assert "stopped early" in output
    assert "task_poll_total {taskType}" in output


def test_demonstration_that_cannot_start_prints_the_cause(tmp_path: Path) -> None:
    (tmp_path / "ictus").mkdir()
    (tmp_path / "ictus" / "__init__.py").write_text("raise ImportError('broken on purpose')\n")
    with start_demo("--seconds", "2", PYTHONPATH=str(tmp_path)) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "worker.py ended by itself" in errors
    assert "broken on purpose" in errors


# Its parts


def test_the_parser_reads_the_text_format() -> None:
    samples, types = exposition.parse(
        "# HELP a Some help with \\n and {braces}\n"
        "# TYPE a gauge\n"
        'a{x="q\\"uote",y="back\\\\slash, new\\nline } \u2028"} 1.5e-05 1700000000000\n'
        "b_total +Inf\n"
        "c{} NaN\n"
        "\n"
    )
    assert types == {"a": "gauge"}
    assert samples[0] == exposition.Sample(
        "a", (("x", 'q"uote'), ("y", "back\\slash, new\nline } \u2028")), 1.5e-05
    )
    assert samples[1] == exposition.Sample("b_total", (), math.inf)
    assert math.isnan(samples[2].value)


@pytest.mark.parametrize("line", ["a", 'a{x="1} 2', "a{x=1} 2", "a{x} 2", "a 1 2 3", "1a 2"])
def test_parser_refuses_other_formats(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        exposition.parse(line)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 µs"),
        (4.2e-8, "0.04 µs"),
        (8.53e-4, "853 µs"),
        (9.994e-4, "999 µs"),
        (9.9951e-4, "1.00 ms"),
        (0.00999, "9.99 ms"),
        (0.009996, "10.0 ms"),
        (0.0123, "12.3 ms"),
        (0.09996, "100 ms"),
        (0.99951, "1.00 s"),
        (1.239, "1.24 s"),
        (12345.6, "12,346 s"),
        (math.nan, "-"),
    ],
)
def test_durations_have_three_digits(seconds: float, text: str) -> None:
    assert screen.duration(seconds) == text


def test_long_label_values_are_cut_in_the_middle() -> None:
    assert screen.short("x" * 44) == "x" * 44
    cut = screen.short("a" * 50 + "b" * 50)
    assert len(cut) <= 44
    assert cut.startswith("aaa")
    assert cut.endswith("bbb")
