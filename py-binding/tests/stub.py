"""A Conductor server on the loopback that has work for everyone who polls."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Handler(BaseHTTPRequestHandler):
    """Answers polls with one task, and everything else with nothing."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if "/tasks/poll/batch/" in path:
            name = path.rpartition("/")[2]
            self._answer([_task(name)])
        else:
            self._answer({})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(None)

    def do_PUT(self) -> None:
        self.do_POST()

    def _answer(self, content: Any) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _task(name: str) -> dict[str, Any]:
    return {
        "taskId": str(uuid.uuid4()),
        "taskType": name,
        "taskDefName": name,
        "workflowInstanceId": str(uuid.uuid4()),
        "status": "IN_PROGRESS",
        "inputData": {},
    }


@contextmanager
def conductor() -> Iterator[str]:
    """The URL of its API, while it runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()
