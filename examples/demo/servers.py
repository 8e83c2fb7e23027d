"""The Conductor that the demonstration's workers work for: the stand-in, or a real server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from exposition import parse, total

TESTING = Path(__file__).resolve().parents[2] / "testing"
sys.path[:0] = [str(TESTING), str(TESTING / "server")]
from conductor_stub import Stub  # noqa: E402
from orders import Arrivals, Orders  # noqa: E402
from server import Server, Unavailable  # noqa: E402

__all__ = ["Conductor", "Totals", "Unavailable", "conductor"]


class Totals(NamedTuple):
    """Totals of a Conductor, over all task types."""

    polls: int
    completed: int
    failed: int
    errors: int
    """Polls and updates that it answered with an error."""


class Conductor(Protocol):
    """The interface of a Conductor that the demonstration needs."""

    url: str
    about: str
    pause: float
    """Seconds between two readings of its totals, chosen so that the readings cost little."""

    def totals(self) -> Totals:
        """Returns its totals until now."""


class StubServer:
    """The loopback Conductor."""

    about = "a stand-in: some answers are slow, some are HTTP 500"
    pause = 0.1

    def __init__(self, stub: Stub) -> None:
        self.url = stub.url
        self._stub = stub

    def totals(self) -> Totals:
        """Returns its own counts."""
        counts = self._stub.counts.values()
        return Totals(
            sum(entry.polls for entry in counts),
            sum(entry.completed for entry in counts),
            sum(entry.failed for entry in counts),
            sum(entry.poll_errors + entry.update_errors for entry in counts),
        )


class RealServer:
    """A real server that receives orders."""

    pause = 0.5

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.about = f"{server.about}; 10 orders a second, of a task of each kind"
        self._server = server

    def totals(self) -> Totals:
        """Returns its totals, according to its own metrics."""
        samples, _ = parse(self._server.get("/actuator/prometheus"))
        requests = "http_server_requests_seconds_count"
        # Each execution is counted twice: with its time only, and with the time of the attempts
        # before it.
        ended = {"name": "task_execution_seconds_count", "includeRetries": "false"}
        counts = (
            total(samples, requests, uri="/api/tasks/poll/batch/{tasktype}"),
            total(samples, **ended, status="COMPLETED"),
            total(samples, **ended, status="FAILED"),
            total(samples, requests, outcome="SERVER_ERROR"),
        )
        return Totals(*map(int, counts))


@contextmanager
def conductor(kind: str, directory: Path) -> Iterator[Conductor]:
    """Yields a Conductor that serves within the context; ``kind`` is ``stand-in`` or ``real``."""
    if kind == "stand-in":
        with Stub() as stub:
            yield StubServer(stub)
        return
    with Server(directory / "server") as server:
        orders = Orders(server.url)
        orders.define()
        with Arrivals(orders, 10):
            yield RealServer(server)
