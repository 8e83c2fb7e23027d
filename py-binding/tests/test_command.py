"""Tests the wheel's ``ictus`` command, which also shows metrics of ``prometheus_client``, by Python."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from harness import environment, eventually, file_samples, key, kill, parse, start

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-m", "ictus"]
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
CHARGED = key("cards_charged_total", bank="b")
GUESTS = {
    CHARGED: 4.0,
    key("cards_waiting"): 6.0,
    key("card_seconds_bucket", le="1.0"): 0.0,
    key("card_seconds_bucket", le="2.0"): 2.0,
    key("card_seconds_bucket", le="+Inf"): 2.0,
    key("card_seconds_count"): 2.0,
    key("card_seconds_sum"): 3.0,
}
"""The samples that two processes of ``user_metrics.py`` recorded."""
POLLS = key("task_poll_total", taskType="t")


@pytest.fixture
def guests(directory: str) -> Iterator[str]:
    """Yields a directory with metrics of two living processes, recorded with Ictus and without."""
    workers = [start("user_metrics.py", directory) for _ in range(2)]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"done\n"
        yield directory
    finally:
        for worker in workers:
            kill(worker)


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Yields the running command, and the first line of its standard error."""
    process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, env=environment())
    try:
        assert process.stderr is not None
        yield process, process.stderr.readline().decode()
    finally:
        kill(process)


def dump(directory: str, *options: str) -> tuple[bytes, str]:
    """Returns standard output and standard error of `ictus dump`."""
    done = subprocess.run(
        [*COMMAND, "dump", directory, *options], capture_output=True, env=environment(), check=True
    )
    return done.stdout, done.stderr.decode()


def get(log: str, accept: str, query: str = "") -> tuple[str | None, bytes]:
    """Returns the type and the body of a response from the address in the command's first line."""
    connection = HTTPConnection(log.split("http://")[1].partition("/")[0], timeout=20)
    connection.request("GET", f"/metrics{query}", headers={"Accept": accept})
    response = connection.getresponse()
    return response.getheader("Content-Type"), response.read()


def openmetrics_samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Returns the samples of a text, as ``parse`` does, by the strict parser."""
    return {
        key(one.name, **one.labels): one.value
        for family in parse_openmetrics(text)  # type: ignore[no-untyped-call]
        for one in family.samples
    }


def test_every_format_of_a_dump_has_user_metrics(guests: str) -> None:
    text, log = dump(guests)
    shown = parse(text.decode())
    assert {one: shown.get(one) for one in GUESTS} == GUESTS
    assert shown[POLLS] == 2
    assert text.count(b"# TYPE task_poll_total ") == 1
    assert log == ""
    openmetrics, log = dump(guests, "--format", "openmetrics")
    shown = openmetrics_samples(openmetrics.decode())
    assert {one: shown.get(one) for one in GUESTS} == GUESTS
    assert (openmetrics.count(b"# EOF"), log) == (1, "")
    protobuf, log = dump(guests, "--format", "protobuf", "--native")
    assert all(name in protobuf for name in (b"cards_charged_total", b"cards_waiting", b"card_seconds"))
    assert log == ""


def test_output_without_user_metrics_says_so(guests: str) -> None:
    for form in ("json", "table"):
        printed, log = dump(guests, "--format", form)
        assert b"cards_charged" not in printed
        assert log.count("\n") == 1
        assert "this format has metrics of Ictus only" in log


@pytest.mark.parametrize("surface", ["legacy,documented", "canonical"])
def test_every_format_of_the_endpoint_has_user_metrics(guests: str, surface: str) -> None:
    options = ["--listen=127.0.0.1:0", f"--surface={surface}", "--native"]
    with running("serve", guests, *options) as (process, log):
        kind, text = get(log, "text/plain")
        shown = parse(text.decode())
        assert {one: shown.get(one) for one in GUESTS} == GUESTS
        kind, openmetrics = get(log, "application/openmetrics-text")
        assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        shown = openmetrics_samples(openmetrics.decode())
        assert {one: shown.get(one) for one in GUESTS} == GUESTS
        kind, protobuf = get(log, PROTOBUF)
        assert kind == PROTOBUF
        assert all(name in protobuf for name in (b"cards_charged_total", b"cards_waiting", b"card_seconds"))
        _, some = get(log, "text/plain", "?name[]=card_seconds_count")
        assert {name for name, _ in parse(some.decode())} == {
            "card_seconds_bucket",
            "card_seconds_count",
            "card_seconds_sum",
        }
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_file_has_user_metrics_until_the_end(guests: str) -> None:
    written = Path(guests, "conductor_metrics.prom")
    with running("write", guests, "--interval=0.05") as (process, log):
        assert log.startswith("ictus: writing ")
        shown = eventually(lambda: file_samples(written), lambda shown: CHARGED in shown)
        assert {one: shown.get(one) for one in GUESTS} == GUESTS
        process.terminate()
        assert process.wait(20) == 0
    assert file_samples(written)[CHARGED] == GUESTS[CHARGED]


def test_unreadable_file_is_named_and_hides_nothing_else(guests: str) -> None:
    # A key of four bytes that is not JSON, then a value and a time.
    entry = struct.pack("=i4sdd", 4, b"oops", 0, 0)
    broken = Path(guests, "counter_1.db")
    broken.write_bytes(struct.pack("=ii", 8 + len(entry), 0) + entry)
    # The fifo has no writer, so that a reader of it would wait indefinitely.
    os.mkfifo(Path(guests, "counter_2.db"))
    text, log = dump(guests)
    shown = parse(text.decode())
    assert {one: shown.get(one) for one in GUESTS} == GUESTS
    assert shown[POLLS] == 2
    assert f"ictus: {broken} is left out, prometheus_client cannot read it: " in log
    assert "counter_2.db the first of them: it is not a regular file" in log
    assert log.count("\n") == 2


def entry(name: str, sample: str, labels: dict[str, str], value: float) -> bytes:
    """Returns a series in the format of ``prometheus_client``."""
    key = json.dumps([name, sample, labels, "Help."]).encode()
    filled = key + b" " * (8 - (len(key) + 4) % 8)
    return struct.pack("=i", len(key)) + filled + struct.pack("=dd", value, 0)


def put(path: Path, *entries: bytes, size: int = 1 << 20) -> None:
    """Writes a file of ``prometheus_client``."""
    body = b"".join(entries)
    path.write_bytes((struct.pack("=ii", 8 + len(body), 0) + body).ljust(size, b"\0"))


def test_unrepresentable_series_hide_nothing_else(guests: str) -> None:
    put(
        Path(guests, "counter_7.db"),
        entry("bad_orders", "bad_orders_total", {"__name__": "up"}, 1),
        entry("bad_orders", "bad_orders_total", {"bank": "b"}, 2),
        entry("two words", "two words_total", {}, 3),
        entry("worse_orders", "worse_orders_total", {"a-b": "c"}, 4),
    )
    # A type other than that of the program's family, and a text in place of a number.
    put(Path(guests, "histogram_7.db"), entry("cards_charged", "cards_charged_total", {"bank": "b"}, 5))
    put(Path(guests, "histogram_8.db"), entry("odd_seconds", "odd_seconds_bucket", {"le": "much"}, 6))
    text, log = dump(guests)
    shown = parse(text.decode())
    assert {one: shown.get(one) for one in GUESTS} == GUESTS
    assert shown[key("bad_orders_total", bank="b")] == 2
    # Names with other characters are escaped unless a client accepts them.
    assert shown[key("two_words_total")] == 3
    assert shown[key("worse_orders_total", a_b="c")] == 4
    assert not any(name.startswith("odd") for name, _ in shown)
    # The label `__name__`. A family with an invalid name is not part of the exposition.
    assert shown[key("ictus_series_left_out")] == 1
    assert (
        openmetrics_samples(dump(guests, "--format", "openmetrics")[0].decode())[
            key("bad_orders_total", bank="b")
        ]
        == 2
    )
    for cause in ("__", "is a counter and a histogram", "odd_seconds"):
        assert cause in log, log


def test_files_of_other_users_and_other_entries_are_not_read(guests: str) -> None:
    if os.getuid() != 0:
        assert os.environ.get("CI") != "true", "only root can give files to others"
        pytest.skip("only root can give files to others")
    secret = Path(guests, "secret")
    put(secret, entry("stolen", "stolen_total", {}, 1))
    Path(guests, "counter_3.db").symlink_to(secret)
    foreign = Path(guests, "counter_4.db")
    put(foreign, entry("foreign", "foreign_total", {}, 1))
    os.chown(foreign, 12345, -1)
    forging = Path(guests, "counter_x\nictus: forged\x1b[2J.db")
    forging.write_bytes(b"\x10\0\0\0" * 4)
    with Path(guests, "counter_5.db").open("wb") as sparse:
        sparse.write(struct.pack("=ii", 1 << 30, 0))
        sparse.truncate(1 << 30)
    os.mkfifo(Path(guests, "counter_6.db"))
    begun = time.monotonic()
    text, log = dump(guests)
    assert time.monotonic() - begun < 5
    shown = parse(text.decode())
    assert {one: shown.get(one) for one in GUESTS} == GUESTS
    assert not any(name.startswith(("stolen", "foreign", "forging")) for name, _ in shown)
    assert "\x1b" not in log
    # Four causes, and the file whose name tries to forge a line.
    assert [line.startswith("ictus: ") and "forged" not in line[:20] for line in log.splitlines()] == [
        True
    ] * 5, log
    for cause in ("symbolic link", "another user", "not a regular file", "fewer bytes on disk"):
        assert log.count(cause) == 1, log
