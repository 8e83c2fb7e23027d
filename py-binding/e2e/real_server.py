"""The real Conductor server, which all tests of this folder share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from exposition import parse, total
from server import Server, Unreachable, jar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Runs the server; skips if its jar cannot be fetched."""
    try:
        jar()
    except Unreachable as error:
        pytest.skip(str(error))
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def poll_requests(server: Server) -> Callable[[], float]:
    """Returns a function for the number of workers' polls that the server has answered."""

    def answered() -> float:
        samples, _ = parse(server.get("/actuator/prometheus"))
        return total(samples, "http_server_requests_seconds_count", uri="/api/tasks/poll/batch/{tasktype}")

    return answered
