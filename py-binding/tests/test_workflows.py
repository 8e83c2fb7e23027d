"""Tests that the SDK's clients record in the process that starts workflows."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from conductor.client.configuration.configuration import Configuration
from conductor.client.http.models.start_workflow_request import StartWorkflowRequest
from conductor.client.http.rest import ApiException
from conductor.client.orkes_clients import OrkesClients

from harness import HAS_FACTORY, key, samples
from ictus.conductor import MetricsSettings, create_metrics_collector_for_parent

if TYPE_CHECKING:
    from collections.abc import Iterator


class Answers(BaseHTTPRequestHandler):
    """Starts every workflow but one."""

    def do_POST(self) -> None:
        request = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500 if b"broken" in request else 200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"id")

    def log_message(self, *_: Any) -> None:
        """Logs nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answers) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}/api"
        serving.shutdown()
        thread.join()


@pytest.mark.skipif(not HAS_FACTORY, reason="until 1.3 these clients record nothing")
def test_inputs_of_workflows_are_measured_and_failed_starts_are_counted(directory: str, server: str) -> None:
    collector = create_metrics_collector_for_parent(MetricsSettings(directory))
    clients: Any = OrkesClients(Configuration(server_api_url=server), metrics_collector=collector)
    workflows = clients.get_workflow_client()
    workflows.start_workflow(StartWorkflowRequest(name="w", version=3, input={"number": 1}))
    with pytest.raises(ApiException):
        workflows.start_workflow(StartWorkflowRequest(name="broken", version=3))

    documented = samples(directory, "documented")
    assert documented[key("workflow_input_size", workflowType="w", version="3")] > 10
    failed = key("workflow_start_error_total", workflowType="broken", exception="ApiException")
    assert documented[failed] == 1
    requests = [dict(labels) for name, labels in documented if name == "api_request_time_seconds_count"]
    assert sorted(request["status"] for request in requests) == ["200", "500"]
    canonical = samples(directory, "canonical")
    assert canonical[failed] == 1
    assert canonical[key("workflow_input_size_bytes_count", workflowType="w", version="3")] == 1
