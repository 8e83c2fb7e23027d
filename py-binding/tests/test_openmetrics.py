"""Tests the OpenMetrics output with a strict parser."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Timestamp

GOLDEN = Path(__file__).resolve().parents[2] / "core" / "tests" / "golden"


def samples(families: Iterable[Metric]) -> list[tuple[str, str, dict[str, str], float]]:
    """Returns type, name, labels and value of every sample."""
    return [(family.type, one.name, one.labels, one.value) for family in families for one in family.samples]


@pytest.mark.parametrize("name", ["legacy", "documented", "both", "both-summaries", "canonical"])
def test_both_formats_have_equal_samples(name: str) -> None:
    """The strict parser raises on invalid input; all other content equals the text format."""
    openmetrics = parse_openmetrics((GOLDEN / f"{name}.openmetrics").read_text())  # type: ignore[no-untyped-call]
    text = parse_text((GOLDEN / f"{name}.prom").read_text())
    assert samples(openmetrics) == samples(text)


def test_exemplars_equal_the_recorded_ones() -> None:
    """Escapes, a value at a bound, and all digits of the time; `core/tests/common` defines them."""
    families = parse_openmetrics((GOLDEN / "canonical.openmetrics").read_text())  # type: ignore[no-untyped-call]
    exemplars = [
        (one.labels["le"], one.exemplar.labels, one.exemplar.value, one.exemplar.timestamp)
        for family in families
        for one in family.samples
        if one.exemplar is not None
    ]
    assert exemplars == [
        ("+Inf", {"trace_id": "日本"}, 30.0, Timestamp(1_520_879_609, 50_000_000)),
        (
            "0.25",
            {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
            0.25,
            Timestamp(1_520_879_607, 789_000_001),
        ),
        ("1.0", {"trace_id": 'a \\ "b"'}, 0.75, Timestamp(1_520_879_608, 0)),
    ]


def test_truncated_text_is_refused() -> None:
    """The output ends with a marker."""
    openmetrics = (GOLDEN / "both.openmetrics").read_text()
    with pytest.raises(ValueError, match="EOF"):
        list(parse_openmetrics(openmetrics.removesuffix("# EOF\n")))  # type: ignore[no-untyped-call]
