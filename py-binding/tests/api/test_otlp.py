"""Tests `ictus push --otlp` with a receiver that parses the messages with OpenTelemetry's own classes."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

from ictus.conductor import MetricsCollector, MetricsSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint


@contextmanager
def collector(rejected: int = 0) -> Iterator[tuple[str, list[ExportMetricsServiceRequest]]]:
    """Yields the address of a receiver, and the requests that it has received."""
    received = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/metrics"
            assert self.headers["Content-Type"] == "application/x-protobuf"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(ExportMetricsServiceRequest.FromString(body))
            answer = ExportMetricsServiceResponse()
            if rejected:
                answer.partial_success.rejected_data_points = rejected
                answer.partial_success.error_message = "too old"
            response = answer.SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(response)))
            self.end_headers()
            self.wfile.write(response)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def push(directory: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("ictus")), "push", directory, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def quantile(point: ExponentialHistogramDataPoint, q: float) -> float:
    """Returns the upper bound of the bucket that contains the quantile."""
    rank = q * point.count - point.zero_count
    for at, count in enumerate(point.positive.bucket_counts):
        rank -= count
        if rank <= 0:
            return float(2 ** ((point.positive.offset + at + 1) / 2**point.scale))
    raise AssertionError(point)


def test_collector_receives_the_recorded_values(directory: str) -> None:
    recorder = MetricsCollector(MetricsSettings(directory=directory))
    seeded = random.Random(7)
    values = [seeded.lognormvariate(-2, 1) for _ in range(5000)]
    for value in values:
        recorder.record_task_execute_time("resize", value, "SUCCESS")
    for _ in range(3):
        recorder.increment_task_poll("resize")
    with collector() as (endpoint, received):
        ran = push(directory, "--otlp", endpoint, "--job", "workers", "--label", "host.name=a")
        assert (ran.returncode, ran.stderr) == (0, "")
    [request] = received
    [resource] = request.resource_metrics
    attributes = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert attributes == {"service.name": "workers", "host.name": "a"}
    [scope] = resource.scope_metrics
    assert scope.scope.name == "ictus"
    metrics = {metric.name: metric for metric in scope.metrics}

    executions = metrics["task_execute_time_seconds"]
    assert executions.unit == "s"
    histogram = executions.exponential_histogram
    assert histogram.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    [point] = histogram.data_points
    assert {pair.key for pair in point.attributes} >= {"status"}
    assert (point.count, point.zero_count + sum(point.positive.bucket_counts)) == (5000, 5000)
    assert math.isclose(point.sum, sum(values), rel_tol=1e-9)
    ordered = sorted(values)
    for q in (0.5, 0.9, 0.99):
        true = ordered[math.ceil(q * 5000) - 1]
        # A bucket is 9 % wide.
        assert true <= quantile(point, q) * (1 + 1e-12) <= true * 2 ** (1 / 8) * (1 + 1e-9)

    [polls] = metrics["task_poll"].sum.data_points
    assert (metrics["task_poll"].sum.is_monotonic, polls.as_double) == (True, 3)


def test_refusal_by_a_collector_is_reported(directory: str) -> None:
    MetricsCollector(MetricsSettings(directory=directory)).increment_task_poll("t")
    with collector(rejected=4) as (endpoint, _):
        ran = push(directory, "--otlp", endpoint, "--job", "workers")
    assert ran.returncode == 1
    assert "4 points were refused: too old" in ran.stderr
    ran = push(directory, "--otlp", endpoint, "--job", "workers")
    assert ran.returncode == 1
    assert "start the server" in ran.stderr


@pytest.mark.parametrize("given", ["grpc://x", "localhost:4318"])
def test_invalid_address_is_refused(directory: str, given: str) -> None:
    ran = push(directory, "--otlp", given, "--job", "workers")
    assert ran.returncode == 1
    assert "http://127.0.0.1:4318" in ran.stderr
