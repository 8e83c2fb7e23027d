"""Tests that the same calls on the SDK's collector and on Ictus's show the same samples."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from collector_calls import random_calls, replay
from harness import HAS_FACTORY, run
from ictus import _core
from ictus.conductor import MetricsCollector, MetricsSettings

if TYPE_CHECKING:
    from pathlib import Path

    from prometheus_client import Metric


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


SURFACES = ["legacy", "canonical"] if HAS_FACTORY else ["legacy"]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("surface", SURFACES)
def test_every_sample_of_the_sdk_is_shown_with_its_value(
    directory: str, tmp_path: Path, seed: int, surface: str
) -> None:
    calls = random_calls(seed, 200 if seed % 2 else 3000, has_factory=HAS_FACTORY)
    if surface == "canonical":
        # The SDK's legacy collector raises on this call.
        calls += [["increment_uncaught_exception", [{"raised": ["ValueError", "x"]}], {}]]
    theirs = tmp_path / "sdk"
    theirs.mkdir()
    reference = run(
        "sdk_reference.py",
        str(theirs),
        give=json.dumps(calls).encode(),
        WORKER_CANONICAL_METRICS=str(surface == "canonical"),
    )
    expected = families(reference.decode())
    assert len(expected) > 15

    # The recorded data does not depend on the surface.
    replay(MetricsCollector(MetricsSettings(directory=directory)), calls)
    shown = families(_core.text(directory, [surface]))

    wrong = []
    for name, family in expected.items():
        if name not in shown:
            wrong.append(f"no family {name}")
            continue
        # Before 0.14, prometheus_client has no other help text in multiprocess mode.
        help_ = (
            shown[name].documentation
            if family.documentation == "Multiprocess metric"
            else family.documentation
        )
        if (shown[name].type, shown[name].documentation) != (family.type, help_):
            wrong.append(f"{name} is {shown[name].type} {shown[name].documentation!r}")
        values = {
            (sample.name, frozenset(sample.labels.items())): sample.value for sample in shown[name].samples
        }
        for sample in family.samples:
            value = values.get((sample.name, frozenset(sample.labels.items())))
            if value is None or not _equal(sample.name, value, sample.value):
                wrong.append(f"{sample.name}{sample.labels}: {value}, the SDK shows {sample.value}")
    assert not wrong, "\n".join(wrong[:20])


def _equal(name: str, value: float, expected: float) -> bool:
    if name.endswith("_sum"):
        return math.isclose(value, expected, rel_tol=1e-12)
    return value == expected
