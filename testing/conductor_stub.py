"""A loopback Conductor server, for demonstrations and tests. Standard library only.

It implements the requests of workers of Conductor's SDKs, and nothing more:

====== ==================================== ==============================================================
GET    ``/api/tasks/poll/batch/{taskType}`` up to ``count`` tasks, waiting up to ``timeout`` ms for the first
GET    ``/api/tasks/poll/{taskType}``       one task, or 204
POST   ``/api/tasks/update-v2``             takes a result; returns the next task of that type, or 204
POST   ``/api/tasks``                       takes a result; returns the task's id
POST   ``/api/token``                       a token, for workers with a key and a secret
PUT    ``/api/metadata/taskdefs``           replaces a task definition (POST creates a list of them)
GET    ``/api/metadata/taskdefs/{name}``    the definition, or 404
POST   ``/api/schema``                      takes a JSON schema
GET    ``/stub/counts``                     the counts so far, per task type
====== ==================================== ==============================================================

Every task type has a queue. Tasks arrive at random instants, ``rate`` per second on average, so polls
wait as they do at a real server. A share of the responses is slow, and a share is HTTP 500. All
randomness comes from ``seed``: the n-th poll of a task type is slow, or fails, in every run or in
none.

Run it (``python conductor_stub.py --port 0`` prints its address), or use it in a test::

    with Stub(tasks=100) as stub:
        ...  # workers at stub.url
    assert stub.counts["charge_card"].completed == 100
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["Counts", "Stub"]

MAX_WAIT_SECONDS = 0.2
"""The maximum wait of a poll, even if its ``timeout`` is longer."""

SLOW_SECONDS = (0.08, 0.3)
"""The minimum and the maximum delay of a slow response."""


@dataclass
class Counts:
    """Counts of the server for one task type."""

    polls: int = 0
    """Polls that arrived, including failed ones."""
    poll_errors: int = 0
    """Polls that were answered with HTTP 500."""
    empty_polls: int = 0
    """Polls that were answered with no task."""
    handed_out: int = 0
    """Tasks that were given to a worker, by a poll or by ``update-v2``."""
    updates: int = 0
    """Results that arrived, including failed ones."""
    update_errors: int = 0
    """Results that were answered with HTTP 500."""
    completed: int = 0
    """Tasks that ended successfully."""
    failed: int = 0
    """Tasks that ended with a failure."""

    def settled(self) -> bool:
        """Returns whether at least one result has arrived for every task that was handed out."""
        return self.completed + self.failed + self.update_errors >= self.handed_out


@dataclass
class _Queue:
    """The tasks of one type: the time of the next one, and the counts of the others."""

    arrivals: random.Random
    next_due: float
    created: int = 0
    counts: Counts = field(default_factory=Counts)


class Stub:
    """The server, as a context manager. ``url`` is the *base URL* of the SDK."""

    def __init__(
        self,
        port: int = 0,
        *,
        rate: float = 40.0,
        tasks: int | None = None,
        slow: float = 0.05,
        poll_errors: float = 0.01,
        update_errors: float = 0.005,
        seed: int = 1,
    ) -> None:
        """Binds the port (0: any free one); the server answers between ``start`` and ``close``.

        ``rate`` is in tasks a second and ``tasks`` the maximum number, both per task type; ``slow``,
        ``poll_errors`` and ``update_errors`` are shares of responses between 0 and 1.
        """
        if rate <= 0:
            raise ValueError(f"rate must be positive, not {rate}")
        self._rate = rate
        self._tasks = tasks
        self._slow = slow
        self._poll_errors = poll_errors
        self._update_errors = update_errors
        self._seed = seed
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}
        self._open_tasks: dict[str, str] = {}
        self._definitions: dict[str, Any] = {}
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, name="conductor-stub", daemon=True)

    @property
    def url(self) -> str:
        """Returns the address, without a path: ``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def counts(self) -> dict[str, Counts]:
        """Returns a copy of the counts so far, by task type."""
        with self._lock:
            return {name: replace(queue.counts) for name, queue in self._queues.items()}

    @property
    def definitions(self) -> dict[str, Any]:
        """Returns the registered task definitions, by name."""
        with self._lock:
            return dict(self._definitions)

    def admit(self, tasks: int) -> None:
        """Sets the maximum number of tasks per type; the next ones arrive from now on."""
        with self._lock:
            self._tasks = tasks
            for queue in self._queues.values():
                queue.next_due = time.monotonic()

    def start(self) -> None:
        """Starts to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stops answering and closes all connections."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.close_connections()

    def __enter__(self) -> Stub:
        """Starts the server."""
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the server."""
        self.close()

    # Requests of the handler. Each method returns the HTTP status and the content of the JSON body
    # (None: no body).

    def poll(self, task_type: str, count: int, wait: float) -> tuple[int, Any]:
        """Answers a poll for up to ``count`` tasks, waiting up to ``wait`` seconds for the first."""
        with self._lock:
            counts = self._queue(task_type).counts
            counts.polls += 1
            delay, error = self._outcome(f"poll {task_type} {counts.polls}", self._poll_errors)
            counts.poll_errors += error
        time.sleep(delay)
        if error:
            return 500, _error(500, "The server is having a bad moment")
        deadline = time.monotonic() + min(wait, MAX_WAIT_SECONDS)
        while True:
            with self._lock:
                now = time.monotonic()
                tasks = self._take(task_type, count, now)
                due = self._queue(task_type).next_due
                if tasks or now >= deadline:
                    counts.empty_polls += not tasks
                    return 200, tasks
            time.sleep(max(0.0, min(due, deadline) - now))

    def update(self, result: Mapping[str, Any], *, want_next: bool) -> tuple[int, Any]:
        """Takes the result of a task; returns the next task of its type if ``want_next`` and one is due."""
        task_id = str(result.get("taskId"))
        status = result.get("status")
        with self._lock:
            task_type = self._open_tasks.get(task_id)
            if task_type is None:
                # A real Conductor accepts a repeated result as well.
                return (204, None) if want_next else (200, task_id)
            counts = self._queue(task_type).counts
            counts.updates += 1
            delay, error = self._outcome(f"update {task_type} {counts.updates}", self._update_errors)
        time.sleep(delay)
        with self._lock:
            if error:
                counts.update_errors += 1
                return 500, _error(500, "The server is having a bad moment")
            if status != "IN_PROGRESS" and self._open_tasks.pop(task_id, None) is not None:
                if status == "COMPLETED":
                    counts.completed += 1
                else:
                    counts.failed += 1
            if not want_next:
                return 200, task_id
            tasks = self._take(task_type, 1, time.monotonic())
            return (200, tasks[0]) if tasks else (204, None)

    def define(self, definitions: Any) -> tuple[int, Any]:
        """Stores one task definition or a list of them."""
        entries = definitions if isinstance(definitions, list) else [definitions]
        with self._lock:
            for entry in entries:
                if not isinstance(entry, dict) or "name" not in entry:
                    return 400, _error(400, "A task definition needs a name")
                self._definitions[entry["name"]] = entry
        return 200, None

    def definition(self, name: str) -> tuple[int, Any]:
        """Returns a task definition."""
        entry = self.definitions.get(name)
        return (404, _error(404, f"No such task definition: {name}")) if entry is None else (200, entry)

    def _queue(self, task_type: str) -> _Queue:
        """Returns the queue of a task type, created at its first use. The caller holds the lock."""
        queue = self._queues.get(task_type)
        if queue is None:
            queue = _Queue(random.Random(f"{self._seed} arrivals {task_type}"), time.monotonic())
            self._queues[task_type] = queue
        return queue

    def _take(self, task_type: str, count: int, now: float) -> list[dict[str, Any]]:
        """Returns up to ``count`` due tasks. The caller holds the lock."""
        queue = self._queue(task_type)
        tasks: list[dict[str, Any]] = []
        while len(tasks) < count and queue.next_due <= now:
            if self._tasks is not None and queue.created >= self._tasks:
                queue.next_due = float("inf")
                break
            queue.created += 1
            queue.next_due += queue.arrivals.expovariate(self._rate)
            tasks.append(_task(task_type, queue.created))
        for task in tasks:
            self._open_tasks[task["taskId"]] = task_type
        queue.counts.handed_out += len(tasks)
        return tasks

    def _outcome(self, event: str, error_share: float) -> tuple[float, bool]:
        """Returns the delay of a response and whether it is an error, derived from the seed and the event."""
        chance = random.Random(f"{self._seed} {event}")
        error = chance.random() < error_share
        delay = chance.uniform(*SLOW_SECONDS) if chance.random() < self._slow else 0.0
        return delay, error


def _task(task_type: str, number: int) -> dict[str, Any]:
    """Returns the ``number``-th task of a type, in Conductor's JSON."""
    return {
        "taskId": f"{task_type}-{number}",
        "taskType": task_type,
        "taskDefName": task_type,
        "referenceTaskName": f"{task_type}_ref",
        "workflowInstanceId": f"workflow-{number}",
        "workflowType": "stub",
        "status": "IN_PROGRESS",
        "inputData": {"number": number},
        "responseTimeoutSeconds": 3600,
        "retryCount": 0,
        "pollCount": 1,
    }


def _error(status: int, message: str) -> dict[str, Any]:
    """Returns an error in Conductor's JSON."""
    return {"status": status, "message": message, "retryable": status >= 500}


class _Server(ThreadingHTTPServer):
    """A thread for each connection; connections stay open between requests."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], stub: Stub) -> None:
        self.stub = stub
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves one connection, which is registered while it is open."""
        with self._connections_lock:
            self._connections.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._connections_lock:
                self._connections.discard(request)

    def close_connections(self) -> None:
        """Shuts down every open connection, which ends its thread."""
        with self._connections_lock:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):  # The connection may have been closed meanwhile.
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Logs nothing about clients that disconnect during a request, because tests kill workers."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Translates between HTTP and ``Stub``."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # Buffered: head and body leave in one packet.

    def do_GET(self) -> None:
        """Answers polls and requests for definitions and counts."""
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        match [unquote(part) for part in url.path.strip("/").split("/")]:
            case ["api", "tasks", "poll", "batch", task_type]:
                wait = _number(query, "timeout", 100) / 1000
                self._answer(*self._stub.poll(task_type, _number(query, "count", 1), wait))
            case ["api", "tasks", "poll", task_type]:
                status, tasks = self._stub.poll(task_type, 1, 0)
                if status == 200:
                    status, tasks = (200, tasks[0]) if tasks else (204, None)
                self._answer(status, tasks)
            case ["api", "metadata", "taskdefs", name]:
                self._answer(*self._stub.definition(name))
            case ["api", "metadata", "taskdefs"]:
                self._answer(200, list(self._stub.definitions.values()))
            case ["stub", "counts"]:
                self._answer(200, {name: asdict(counts) for name, counts in self._stub.counts.items()})
            case _:
                self._not_found()

    def do_POST(self) -> None:
        """Answers results, tokens, definitions and schemas."""
        body = self._body()
        match urlsplit(self.path).path.strip("/").split("/"):
            case ["api", "tasks", "update-v2"] if isinstance(body, dict):
                self._answer(*self._stub.update(body, want_next=True))
            case ["api", "tasks"] if isinstance(body, dict):
                self._answer(*self._stub.update(body, want_next=False))
            case ["api", "tasks"] | ["api", "tasks", "update-v2"]:
                self._answer(400, _error(400, "A task result is a JSON object"))
            case ["api", "token"]:
                self._answer(200, {"token": "stub-token"})
            case ["api", "metadata", "taskdefs"]:
                self._answer(*self._stub.define(body))
            case ["api", "schema"]:
                self._answer(200, None)
            case _:
                self._not_found()

    def do_PUT(self) -> None:
        """Answers definitions."""
        body = self._body()
        if urlsplit(self.path).path == "/api/metadata/taskdefs":
            self._answer(*self._stub.define(body))
        else:
            self._not_found()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Logs nothing: a line for each request would hide all other output."""

    @property
    def _stub(self) -> Stub:
        return cast(_Server, self.server).stub

    def _body(self) -> Any:
        """Returns the request's JSON, or None if it is not JSON."""
        if (self.headers.get("Transfer-Encoding") or "").lower() == "chunked":
            data = self._chunks()
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            return json.loads(data)
        except ValueError:
            return None

    def _chunks(self) -> bytes:
        """Returns a chunked body, which Node.js and Java send if the length is unknown."""
        data = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return data

    def _answer(self, status: int, content: Any) -> None:
        """Sends a status and, unless it is 204, a JSON body."""
        self.send_response(status)
        if status == 204:
            self.end_headers()
            return
        body = b"" if content is None else json.dumps(content).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _not_found(self) -> None:
        self._answer(404, _error(404, f"The stub does not serve {self.command} {self.path}"))


def _number(query: Mapping[str, list[str]], name: str, default: int) -> int:
    """Returns a number from a query string."""
    try:
        return int(query[name][0])
    except (KeyError, ValueError):
        return default


def main() -> None:
    """Serves until interrupted or terminated."""
    parser = argparse.ArgumentParser(description="A loopback Conductor server, for demonstrations and tests.")
    parser.add_argument("--port", type=int, default=8080, help="0 takes any free port (default: %(default)s)")
    parser.add_argument(
        "--rate", type=float, default=40.0, help="tasks a second and type (default: %(default)s)"
    )
    parser.add_argument("--tasks", type=int, help="most tasks of a type (default: no end)")
    parser.add_argument(
        "--slow", type=float, default=0.05, help="share of slow answers (default: %(default)s)"
    )
    parser.add_argument(
        "--poll-errors", type=float, default=0.01, help="share of polls answered 500 (default: %(default)s)"
    )
    parser.add_argument(
        "--update-errors",
        type=float,
        default=0.005,
        help="share of updates answered 500 (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="decides what is slow and what fails (default: %(default)s)"
    )
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Stub(**vars(options)) as stub:
        print(stub.url, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
