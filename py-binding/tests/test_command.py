"""The wheel's ``ictus`` command has Python at hand, so it shows what ``prometheus_client`` recorded, too."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
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
"""What two processes of ``guest.py`` recorded."""
POLLS = key("task_poll_total", taskType="t")


@pytest.fixture
def guests(directory: str) -> Iterator[str]:
    """A directory with what two living processes recorded, with Ictus and past it."""
    workers = [start("guest.py", directory) for _ in range(2)]
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
    """The command, and what it says first."""
    process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, env=environment())
    try:
        assert process.stderr is not None
        yield process, process.stderr.readline().decode()
    finally:
        kill(process)


def dump(directory: str, *options: str) -> tuple[bytes, str]:
    """What it prints, and what it says."""
    done = subprocess.run(
        [*COMMAND, "dump", directory, *options], capture_output=True, env=environment(), check=True
    )
    return done.stdout, done.stderr.decode()


def get(said: str, accept: str, query: str = "") -> tuple[str | None, bytes]:
    """The type and the body of an answer of who said where it listens."""
    connection = HTTPConnection(said.split("http://")[1].partition("/")[0], timeout=20)
    connection.request("GET", f"/metrics{query}", headers={"Accept": accept})
    response = connection.getresponse()
    return response.getheader("Content-Type"), response.read()


def openmetrics_samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """As ``parse``, by the strict parser."""
    return {
        key(one.name, **one.labels): one.value
        for family in parse_openmetrics(text)  # type: ignore[no-untyped-call]
        for one in family.samples
    }


def test_every_format_of_a_dump_has_them_as_they_are(guests: str) -> None:
    text, said = dump(guests)
    shown = parse(text.decode())
    assert {one: shown.get(one) for one in GUESTS} == GUESTS
    assert shown[POLLS] == 2
    assert text.count(b"# TYPE task_poll_total ") == 1
    assert said == ""
    openmetrics, said = dump(guests, "--format", "openmetrics")
    shown = openmetrics_samples(openmetrics.decode())
    assert {one: shown.get(one) for one in GUESTS} == GUESTS
    assert (openmetrics.count(b"# EOF"), said) == (1, "")
    protobuf, said = dump(guests, "--format", "protobuf", "--native")
    assert all(name in protobuf for name in (b"cards_charged_total", b"cards_waiting", b"card_seconds"))
    assert said == ""


def test_what_shows_only_what_ictus_recorded_says_so(guests: str) -> None:
    for form in ("json", "table"):
        printed, said = dump(guests, "--format", form)
        assert b"cards_charged" not in printed
        assert said.count("\n") == 1
        assert "this format shows what Ictus recorded" in said


@pytest.mark.parametrize("surface", ["legacy,documented", "canonical"])
def test_every_format_of_the_endpoint_has_them(guests: str, surface: str) -> None:
    options = ["--listen=127.0.0.1:0", f"--surface={surface}", "--native"]
    with running("serve", guests, *options) as (process, said):
        kind, text = get(said, "text/plain")
        shown = parse(text.decode())
        assert {one: shown.get(one) for one in GUESTS} == GUESTS
        kind, openmetrics = get(said, "application/openmetrics-text")
        assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        shown = openmetrics_samples(openmetrics.decode())
        assert {one: shown.get(one) for one in GUESTS} == GUESTS
        kind, protobuf = get(said, PROTOBUF)
        assert kind == PROTOBUF
        assert all(name in protobuf for name in (b"cards_charged_total", b"cards_waiting", b"card_seconds"))
        _, some = get(said, "text/plain", "?name[]=card_seconds_count")
        assert {name for name, _ in parse(some.decode())} == {
            "card_seconds_bucket",
            "card_seconds_count",
            "card_seconds_sum",
        }
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_the_file_has_them_to_the_end(guests: str) -> None:
    written = Path(guests, "conductor_metrics.prom")
    with running("write", guests, "--interval=0.05") as (process, said):
        assert said.startswith("ictus: writing ")
        shown = eventually(lambda: file_samples(written), lambda shown: CHARGED in shown)
        assert {one: shown.get(one) for one in GUESTS} == GUESTS
        process.terminate()
        assert process.wait(20) == 0
    assert file_samples(written)[CHARGED] == GUESTS[CHARGED]


def test_a_file_that_cannot_be_read_is_named_and_takes_nothing_else_away(guests: str) -> None:
    # A key of four bytes that is none, a value and a time.
    entry = struct.pack("=i4sdd", 4, b"oops", 0, 0)
    broken = Path(guests, "counter_1.db")
    broken.write_bytes(struct.pack("=ii", 8 + len(entry), 0) + entry)
    # Nobody writes into it: who reads it waits for ever.
    os.mkfifo(Path(guests, "counter_2.db"))
    text, said = dump(guests)
    shown = parse(text.decode())
    assert {one: shown.get(one) for one in GUESTS} == GUESTS
    assert shown[POLLS] == 2
    assert said.startswith(f"ictus: {broken} is left out, prometheus_client cannot read it: ")
    assert said.count("\n") == 1
