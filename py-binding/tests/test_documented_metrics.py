"""Tests that every row of the SDK's METRICS.md has values and is correct in docs/metrics.md."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conductor.client.telemetry import metrics_collector
from conductor.client.telemetry.model.metric_documentation import MetricDocumentation
from prometheus_client.parser import text_string_to_metric_families

from documented_rows import ROWS, Row
from harness import HAS_FACTORY, parse
from ictus import _core
from ictus.conductor import MetricsCollector, MetricsSettings

if TYPE_CHECKING:
    from prometheus_client import Metric

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
SDK = metadata.version("conductor-python")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Returns the default exposition of a collector that has received the calls of all rows."""
    directory = str(tmp_path_factory.mktemp("metrics"))
    collector = MetricsCollector(MetricsSettings(directory=directory))
    for row in ROWS:
        for call in filter(None, row.calls):
            method, *arguments = call
            getattr(collector, method)(*arguments)
    return _core.text(directory)


def test_number_of_rows_equals_that_of_the_sdk() -> None:
    assert len({row.name for row in ROWS}) == 24


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_shows_the_recorded_values(shown: str, row: Row) -> None:
    families = list(text_string_to_metric_families(shown))
    family = next(family for family in families if row.name in _sample_names(family))
    assert family.type == row.type
    assert family.documentation == _help(row) + row.suffix
    values = parse(shown)
    for quantile, value in _values(row).items():
        labels = dict(row.labels, **({"quantile": quantile} if quantile else {}))
        if row.name == "external_payload_used_total":
            # One sample with the labels of both surfaces.
            labels |= {"entityName": "t", "operation": "WRITE", "payload_type": "TASK_INPUT"}
        assert values[row.name, frozenset(labels.items())] == pytest.approx(value, rel=1e-12)


def test_alone_the_documented_surface_has_the_documented_labels_and_no_others(
    shown: str, tmp_path: Path
) -> None:
    assert shown
    collector = MetricsCollector(MetricsSettings(directory=str(tmp_path)))
    collector.increment_external_payload_used("t", "WRITE", "TASK_INPUT")
    only = parse(_core.text(str(tmp_path), ["documented"]))
    labels = frozenset({"taskType": "t", "payloadType": "TASK_INPUT"}.items())
    assert [sample for sample in only if not sample[0].startswith("ictus_")] == [
        ("external_payload_used_total", labels)
    ]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_page_describes_the_row(row: Row) -> None:
    kind, labels, called = _page_rows()[row.name]
    assert kind == row.type
    named = sorted([*row.labels, "quantile"] if isinstance(row.value, dict) else row.labels)
    assert sorted(re.findall(r"\w+", labels)) == named
    since = re.search(r"since ([\d.]+\d)", called)
    expected = since is not None and _numbers(SDK) >= _numbers(since[1])
    assert expected == _is_called(row), f"the page says {called!r}"


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _page_rows() -> dict[str, tuple[str, str, str]]:
    """Returns type, labels and callers, by name, of the table that has these columns."""
    rows = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and re.fullmatch(r"`\w+`", cells[0]):
            name, kind, labels, _, called = cells
            rows[name.strip("`")] = (kind, labels, called)
    return rows


def _is_called(row: Row) -> bool:
    """Returns whether the installed SDK records the metric by itself, according to its code."""
    package = Path(metrics_collector.__file__).parents[1]
    files = [
        path
        for path in package.rglob("*.py")
        if not {"telemetry", "event"}.intersection(path.relative_to(package).parts)
    ]
    return any(caller in path.read_text(encoding="utf-8") for path in files for caller in row.callers)


def _help(row: Row) -> str:
    if row.help == "TASK_UPDATE_TIME_HISTOGRAM" and HAS_FACTORY:
        # Later versions have it for the canonical metrics only, with another text.
        return "Task update duration in seconds with quantiles"
    return str(MetricDocumentation[row.help].value)


def _values(row: Row) -> dict[str, float]:
    return row.value if isinstance(row.value, dict) else {"": row.value}


def _sample_names(family: Metric) -> set[str]:
    return {sample.name for sample in family.samples}
