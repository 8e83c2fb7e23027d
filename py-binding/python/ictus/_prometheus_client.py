"""Reads the metrics that users define with ``prometheus_client`` in multiprocess mode.

The SDK's provider shows them together with its own metrics, and so does Ictus. They stay in
``prometheus_client``'s files. Metrics of the catalog in these files, which the SDK's collector recorded, are
omitted, because Ictus shows its own.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ictus import _core, _log_once, _sdk_recording

if TYPE_CHECKING:
    from ictus._core import _Family

_CATALOG = frozenset(_core.shown_names())

IS_INSTALLED = importlib.util.find_spec("prometheus_client") is not None
"""Whether ``prometheus_client``, which can read these files, is installed."""


def collect(directory: Path) -> list[_Family]:
    """Returns the families in a metrics directory, merged over processes as the SDK's provider does.

    They have no label for the process id.
    """
    files = _core.multiprocess_files(directory)
    if not files:
        return []
    metrics = [metric for metric in _read(directory, files) if not _is_of_catalog(metric)]
    marked = _sdk_recording.marked_pids(directory)
    if marked:
        sdk_files = [(file, data) for file, data in files if _sdk_recording.pid_of(file) in marked]
        metrics += [metric for metric in _read(directory, sdk_files) if _is_of_catalog(metric)]
    return [(metric.name, metric.documentation, metric.type, _merge_samples(metric)) for metric in metrics]


def _is_of_catalog(metric: Any) -> bool:
    return metric.name in _CATALOG or f"{metric.name}_total" in _CATALOG


def _read(directory: Path, files: list[tuple[str, bytes]]) -> list[Any]:
    """Returns the families of the files, as ``MultiProcessCollector.merge`` does.

    ``merge`` opens files by name. Ictus has already opened and checked them, so this function parses their
    bytes. It omits a file that it cannot parse, and a family whose type differs from that in an earlier file.
    """
    # Imported here, because processes without user families need no import, and a provider must set
    # its environment variable first.
    from prometheus_client.metrics_core import Metric  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    metrics: dict[str, Any] = {}
    for file, data in files:
        try:
            kind, mode, pid = _parse_name(file)
            entries = _parse_entries(data)
        except Exception as failed:
            _log_once.warning(
                f"{directory / file} is left out, prometheus_client cannot read it: {failed!r}",
                f"file: {failed!r}",
            )
            continue
        for (name, sample, labels, documentation), value, timestamp in entries:
            metric: Any = metrics.get(name)
            if metric is None:
                metric = metrics[name] = Metric(name, documentation, kind)
            if metric.type != kind:
                _log_once.warning(
                    f"{name} of prometheus_client is a {metric.type} and a {kind}: the {kind} is left out",
                    name,
                )
            elif kind == "gauge":
                metric._multiprocess_mode = mode
                metric.add_sample(sample, (*labels, ("pid", pid)), value, timestamp)
            else:
                metric.add_sample(sample, labels, value)
    accumulate: Any = MultiProcessCollector._accumulate_metrics
    merged: list[Any] = []
    for name, metric in metrics.items():
        try:
            merged += accumulate({name: metric}, accumulate=True)
        except Exception as failed:
            _log_once.warning(f"{name} of prometheus_client is left out: {failed!r}", name)
    return merged


def _parse_name(file: str) -> tuple[str, str, str]:
    """Returns the type, a gauge's mode and the process id, which are in a file's name."""
    kind, *rest = file.removesuffix(".db").split("_")
    if kind not in ("counter", "gauge", "histogram", "summary"):
        message = "its name has no known type"
        raise ValueError(message)
    return (kind, rest[0], rest[1]) if kind == "gauge" else (kind, "", rest[0])


def _parse_entries(
    data: bytes,
) -> list[tuple[tuple[str, str, tuple[tuple[str, str], ...], str], float, float | None]]:
    """Returns the key, the value and the timestamp of each entry. Raises if an entry is invalid."""
    from prometheus_client.mmap_dict import _read_all_values  # noqa: PLC0415

    read: Any = _read_all_values
    entries = []
    # `rest` is the position; newer versions put a timestamp before it.
    for key, value, *rest in read(data, len(data)):
        entries.append((_parse_key(key), value, rest[0] if len(rest) > 1 else None))
    return entries


def _parse_key(key: str) -> tuple[str, str, tuple[tuple[str, str], ...], str]:
    # Until 0.14 keys have no help text, and the library shows this text instead.
    name, sample, labels, documentation = [*json.loads(key), "Multiprocess metric"][:4]
    texts = [name, sample, documentation, *labels, *labels.values()]
    if not all(isinstance(text, str) for text in texts):
        message = "a key is not made of strings"
        raise TypeError(message)
    return name, sample, tuple(sorted(labels.items())), documentation


def _merge_samples(metric: Any) -> list[tuple[str, dict[str, str], float]]:
    """Returns the samples of a family, merged over the processes by the rules of the SDK's provider.

    Samples of gauges named ``…_count``, ``…_sum`` or ``…_bucket…`` are summed, and so are all samples of
    other types. Samples with a quantile are averaged. Of any other gauge the last value is used, unless its
    ``multiprocess_mode`` has already merged the values.
    """
    values: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = {}
    for sample in metric.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "pid"}
        key = (sample.name, tuple(sorted(labels.items())))
        values.setdefault(key, []).append(sample.value)
    merged = []
    for (name, pairs), by_process in values.items():
        if metric.type != "gauge" or name.endswith(("_count", "_sum")) or "_bucket" in name:
            value = sum(by_process)
        elif "quantile" in dict(pairs):
            value = sum(by_process) / len(by_process)
        else:
            value = by_process[-1]
        merged.append((name, dict(pairs), value))
    return merged
