"""Tests the loopback Conductor: its responses, and its counts of them."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

TESTING = Path(__file__).resolve().parents[2] / "testing"
sys.path.insert(0, str(TESTING))
from conductor_stub import Stub  # noqa: E402

POLL = "/api/tasks/poll/batch/resize_image"


class Client:
    """One connection that is kept open, as the SDK's is."""

    def __init__(self, stub: Stub) -> None:
        self._connection = http.client.HTTPConnection(stub.url.removeprefix("http://"), timeout=10)
        self._connection.connect()
        self._socket = self._connection.sock

    def __call__(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        body = None if content is None else json.dumps(content)
        self._connection.request(method, path, body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        data = response.read()
        assert self._connection.sock is self._socket, "the server closed the connection"
        return response.status, json.loads(data) if data else None

    def update(
        self, task: dict[str, Any], status: str = "COMPLETED", path: str = "update-v2"
    ) -> tuple[int, Any]:
        result = {
            "taskId": task["taskId"],
            "workflowInstanceId": task["workflowInstanceId"],
            "status": status,
        }
        return self("POST", f"/api/tasks/{path}".rstrip("/"), result)


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub(rate=10_000, tasks=20, slow=0, poll_errors=0, update_errors=0) as stub:
        yield stub


def test_poll_returns_at_most_the_requested_number_of_tasks(stub: Stub) -> None:
    client = Client(stub)
    time.sleep(0.1)
    status, tasks = client("GET", f"{POLL}?count=8&timeout=100&workerid=me")
    assert status == 200
    assert [task["taskId"] for task in tasks] == [f"resize_image-{n}" for n in range(1, 9)] or len(tasks) < 8
    for task in tasks:
        assert task["taskDefName"] == "resize_image"
        assert task["inputData"] == {"number": int(task["taskId"].rpartition("-")[2])}
    counts = stub.counts["resize_image"]
    assert (counts.polls, counts.handed_out, counts.empty_polls) == (1, len(tasks), 0)
    assert not counts.settled()


def test_queue_ends_at_its_limit_and_empty_poll_waits(stub: Stub) -> None:
    client = Client(stub)
    ids: list[str] = []
    while stub.counts.get("resize_image") is None or stub.counts["resize_image"].handed_out < 20:
        ids += [task["taskId"] for task in client("GET", f"{POLL}?count=6&timeout=100")[1]]
    assert sorted(ids) == sorted(f"resize_image-{n}" for n in range(1, 21))
    for requested, waited in ((60, 0.06), (60_000, 0.2)):
        begin = time.monotonic()
        assert client("GET", f"{POLL}?count=6&timeout={requested}") == (200, [])
        assert waited - 0.01 <= time.monotonic() - begin < waited + 1
    assert stub.counts["resize_image"].empty_polls == 2


def test_a_waiting_poll_is_answered_when_a_task_arrives() -> None:
    with Stub(rate=20, slow=0, poll_errors=0) as stub:
        client = Client(stub)
        assert len(client("GET", f"{POLL}?count=5&timeout=200")[1]) == 1  # The first is due at once.
        polls = [client("GET", f"{POLL}?count=1&timeout=200")[1] for _ in range(20)]
        assert sum(map(len, polls)) >= 15


def test_update_v2_returns_the_next_task_or_204(stub: Stub) -> None:
    client = Client(stub)
    task = client("GET", f"{POLL}?count=1")[1][0]
    time.sleep(0.05)
    for n in range(2, 21):
        status, task = client.update(task, "COMPLETED" if n % 2 else "FAILED")
        assert (status, task["taskId"]) == (200, f"resize_image-{n}")
    assert client.update(task) == (204, None)
    counts = stub.counts["resize_image"]
    assert (counts.handed_out, counts.updates, counts.completed, counts.failed) == (20, 20, 10, 10)
    assert counts.settled()


def test_plain_update_returns_the_id_and_no_task(stub: Stub) -> None:
    client = Client(stub)
    task = client("GET", f"{POLL}?count=1")[1][0]
    assert client.update(task, path="") == (200, task["taskId"])
    assert stub.counts["resize_image"].handed_out == 1
    assert stub.counts["resize_image"].completed == 1


def test_a_task_ends_once(stub: Stub) -> None:
    client = Client(stub)
    task = client("GET", f"{POLL}?count=1")[1][0]
    assert client.update(task, "IN_PROGRESS", path="")[0] == 200
    assert stub.counts["resize_image"].completed == 0
    assert client.update(task, "FAILED_WITH_TERMINAL_ERROR", path="")[0] == 200
    assert client.update(task, path="")[0] == 200
    counts = stub.counts["resize_image"]
    assert (counts.completed, counts.failed, counts.updates) == (0, 1, 2)


def test_single_poll_returns_one_task(stub: Stub) -> None:
    client = Client(stub)
    assert client("GET", "/api/tasks/poll/other")[1]["taskId"] == "other-1"
    with Stub(rate=1e-9, slow=0, poll_errors=0) as slow:
        client = Client(slow)
        assert client("GET", "/api/tasks/poll/other")[0] == 200
        assert client("GET", "/api/tasks/poll/other") == (204, None)


def test_definitions_tokens_and_schemas(stub: Stub) -> None:
    client = Client(stub)
    assert client("GET", "/api/metadata/taskdefs/resize_image")[0] == 404
    assert client("PUT", "/api/metadata/taskdefs", {"name": "resize_image"})[0] == 200
    assert (
        client("POST", "/api/metadata/taskdefs", [{"name": "fetch_price"}, {"name": "charge_card"}])[0] == 200
    )
    assert client("GET", "/api/metadata/taskdefs/fetch_price") == (200, {"name": "fetch_price"})
    assert set(stub.definitions) == {"resize_image", "fetch_price", "charge_card"}
    assert client("PUT", "/api/metadata/taskdefs", {})[0] == 400
    assert client("POST", "/api/token", {"keyId": "k", "keySecret": "s"})[1]["token"]
    assert client("POST", "/api/schema", [{"name": "s"}])[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/workflow/1"), ("POST", "/api/workflow"), ("PUT", "/api/tasks"), ("GET", "/")],
)
def test_unknown_path_is_404_with_json(stub: Stub, method: str, path: str) -> None:
    status, error = Client(stub)(method, path, None if method == "GET" else {})
    assert (status, error["status"]) == (404, 404)
    assert path in error["message"]


def test_result_that_is_no_object_is_refused(stub: Stub) -> None:
    assert Client(stub)("POST", "/api/tasks/update-v2", [1])[0] == 400


def test_seed_decides_failures_and_delays() -> None:
    def statuses(seed: int) -> list[int]:
        with Stub(tasks=0, slow=0, poll_errors=0.3, seed=seed) as stub:
            client = Client(stub)
            responses = [client("GET", f"{POLL}?timeout=0")[0] for _ in range(100)]
            assert stub.counts["resize_image"].poll_errors == responses.count(500)
            return responses

    assert statuses(1) == statuses(1) != statuses(2)
    assert 10 < statuses(1).count(500) < 60

    with Stub(tasks=0, slow=1, poll_errors=0) as stub:
        client = Client(stub)
        begin = time.monotonic()
        assert client("GET", f"{POLL}?timeout=0") == (200, [])
        assert time.monotonic() - begin >= 0.07


def test_a_failed_update_leaves_the_task_open() -> None:
    with Stub(slow=0, poll_errors=0, update_errors=1) as stub:
        client = Client(stub)
        task = client("GET", f"{POLL}?count=1")[1][0]
        status, error = client.update(task)
        assert (status, error["retryable"]) == (500, True)
        counts = stub.counts["resize_image"]
        assert (counts.updates, counts.update_errors, counts.completed) == (1, 1, 0)
        assert counts.settled()


def test_concurrent_workers_get_every_task_once() -> None:
    seen: list[str] = []

    def work(stub: Stub) -> None:
        client = Client(stub)
        while tasks := client("GET", f"{POLL}?count=3&timeout=200")[1]:
            for task in tasks:
                following: dict[str, Any] | None = task
                while following:
                    seen.append(following["taskId"])
                    following = client.update(following)[1]

    with Stub(rate=5000, tasks=500, slow=0, poll_errors=0, update_errors=0) as stub:
        threads = [threading.Thread(target=work, args=(stub,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(seen) == sorted(f"resize_image-{n}" for n in range(1, 501))
        counts = stub.counts["resize_image"]
        assert (counts.handed_out, counts.completed, counts.updates) == (500, 500, 500)


def test_the_counts_are_served_as_json(stub: Stub) -> None:
    client = Client(stub)
    client("GET", f"{POLL}?count=2")
    assert client("GET", "/stub/counts") == (200, {"resize_image": asdict(stub.counts["resize_image"])})


def test_closing_ends_the_threads_of_open_connections() -> None:
    previous = threading.active_count()
    with Stub(slow=0, poll_errors=0) as stub:
        clients = [Client(stub) for _ in range(5)]
        for client in clients:
            assert client("GET", "/stub/counts") == (200, {})
        assert threading.active_count() >= previous + 6
    deadline = time.monotonic() + 5
    while threading.active_count() > previous and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= previous


def test_command_prints_its_address_and_ends_on_request() -> None:
    command = [sys.executable, str(TESTING / "conductor_stub.py"), "--port", "0", "--tasks", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
        connection.request("GET", "/stub/counts")
        assert connection.getresponse().read() == b"{}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
