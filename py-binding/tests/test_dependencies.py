"""Tests the oldest and the newest release of each dependency: ``make test`` runs this file with both."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from prometheus_client import CollectorRegistry, generate_latest

import ictus
from harness import TESTS

REQUIREMENTS = TESTS.parent
PYTHONS = {"lowest": (3, 10), "highest": (3, 14)}
"""The Python of each environment."""


@pytest.fixture
def ending() -> str:
    """Returns which end of the releases this environment has."""
    name = Path(sys.prefix).name.removeprefix(".venv-")
    if name not in PYTHONS:
        pytest.skip("neither of the two environments that are made for this")
    return name


def test_environment_has_its_python(ending: str) -> None:
    if sys.version_info[:2] != PYTHONS[ending]:
        # Without a mirror of Debian, .ci/venv.sh takes another one, and warns.
        pytest.skip(f"PYTHON {'.'.join(map(str, PYTHONS[ending]))} IS NOT TESTED")


def test_environment_has_its_releases(ending: str) -> None:
    required = REQUIREMENTS / f"requirements-{ending}.txt"
    for line in required.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            one = Requirement(line)
            if one.marker is None or one.marker.evaluate():
                assert f"=={version(one.name)}" == str(one.specifier)


def test_bridge_to_prometheus_client_works_with_the_release() -> None:
    from ictus import prometheus  # noqa: PLC0415

    registry, into = ictus.Registry(), CollectorRegistry()
    registry.counter("polls", "Polls.", ["task"]).labels("t").inc()
    registry.timer("seconds", "A timer.").observe(0.5)
    prometheus.bridge(registry, into)
    assert b'polls_total{task="t"} 1.0' in generate_latest(into)
    # An endpoint makes this request for `?name[]=`.
    some = generate_latest(into.restricted_registry(["polls_total"]))
    assert b'polls_total{task="t"} 1.0' in some
    assert b"seconds" not in some
    assert b"seconds_count 1.0" in generate_latest(into.restricted_registry(["seconds"]))
    assert generate_latest(into.restricted_registry(["absent"])) == b""


def test_bridge_to_opentelemetry_works_with_the_release() -> None:
    try:
        version("opentelemetry-api")
    except PackageNotFoundError:
        pytest.skip("it is not installed")
    from opentelemetry import metrics  # noqa: PLC0415

    from ictus import otel  # noqa: PLC0415

    registry = ictus.Registry()
    registry.counter("polls", "Polls.").inc()
    # Without OpenTelemetry's SDK, instruments are created and do nothing.
    assert otel.Bridge(registry, metrics.get_meter("test"))._instrumented == {"polls"}
