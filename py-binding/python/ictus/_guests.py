"""Metrics that users define themselves with ``prometheus_client`` in multiprocess mode.

The SDK's provider shows them beside its own, so whatever shows Ictus's does too. They stay in
``prometheus_client``'s files; what the SDK's collector may have left there under names of the catalog is not
shown twice.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ictus import _core, _notice, _sdk_recording

if TYPE_CHECKING:
    from ictus._core import _Family

_CATALOG = frozenset(_core.shown_names())

CAN_BE_MERGED = importlib.util.find_spec("prometheus_client") is not None
"""Whether the library that can read them is installed."""


def families(directory: Path) -> list[_Family]:
    """The guests' families, merged over processes as the SDK's provider does, without a label for the pid."""
    files = _core.multiprocess_files(directory)
    if not files:
        return []
    shown = [metric for metric in _read(directory, files) if not _is_of_catalog(metric)]
    marked = _sdk_recording.marked_pids(directory)
    if marked:
        theirs = [(file, data) for file, data in files if _sdk_recording.pid_of(file) in marked]
        shown += [metric for metric in _read(directory, theirs) if _is_of_catalog(metric)]
    return [(metric.name, metric.documentation, metric.type, _merged(metric)) for metric in shown]


def _is_of_catalog(metric: Any) -> bool:
    return metric.name in _CATALOG or f"{metric.name}_total" in _CATALOG


def _read(directory: Path, files: list[tuple[str, bytes]]) -> list[Any]:
    """The families in the files, as ``MultiProcessCollector.merge`` has them.

    It opens files by their names, and Ictus has opened and checked them: so their bytes are read here. A file
    that cannot be read is left out alone, and so is what has another type than the first file says.
    """
    # Imported here, because processes without user families need no import, and a provider must set
    # its environment variable first.
    from prometheus_client.metrics_core import Metric  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    metrics: dict[str, Any] = {}
    for file, data in files:
        try:
            kind, mode, pid = _described(file)
            entries = _entries(data)
        except Exception as failed:
            _notice.once(
                f"{directory / file} is left out, prometheus_client cannot read it: {failed!r}",
                f"file: {failed!r}",
            )
            continue
        for (name, sample, labels, documentation), value, timestamp in entries:
            metric: Any = metrics.get(name)
            if metric is None:
                metric = metrics[name] = Metric(name, documentation, kind)
            if metric.type != kind:
                _notice.once(
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
            _notice.once(f"{name} of prometheus_client is left out: {failed!r}", name)
    return merged


def _described(file: str) -> tuple[str, str, str]:
    """Type, a gauge's mode and the process, as the file's name says."""
    kind, *rest = file.removesuffix(".db").split("_")
    if kind not in ("counter", "gauge", "histogram", "summary"):
        message = "its name says no type"
        raise ValueError(message)
    return (kind, rest[0], rest[1]) if kind == "gauge" else (kind, "", rest[0])


def _entries(
    data: bytes,
) -> list[tuple[tuple[str, str, tuple[tuple[str, str], ...], str], float, float | None]]:
    """Key, value and time of each entry; all of them, or it is an error."""
    from prometheus_client.mmap_dict import _read_all_values  # noqa: PLC0415

    read: Any = _read_all_values
    entries = []
    # `rest` is the position; newer versions put a timestamp before it.
    for key, value, *rest in read(data, len(data)):
        entries.append((_key(key), value, rest[0] if len(rest) > 1 else None))
    return entries


def _key(key: str) -> tuple[str, str, tuple[tuple[str, str], ...], str]:
    # Until 0.14 keys have no help text, and the library shows this text instead.
    name, sample, labels, documentation = [*json.loads(key), "Multiprocess metric"][:4]
    texts = [name, sample, documentation, *labels, *labels.values()]
    if not all(isinstance(text, str) for text in texts):
        message = "a key is not made of strings"
        raise TypeError(message)
    return name, sample, tuple(sorted(labels.items())), documentation


def _merged(metric: Any) -> list[tuple[str, dict[str, str], float]]:
    """The samples of a family, those that differ by nothing but the process made one.

    By the rules of the SDK's provider, by names: what is named ``…_count``, ``…_sum`` or ``…_bucket…``
    is added up whatever its type, what has a quantile is averaged. Of any other gauge that each process has
    its own value of, the last one read is shown: its ``multiprocess_mode`` chooses another rule.
    """
    values: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = {}
    for sample in metric.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "pid"}
        key = (sample.name, tuple(sorted(labels.items())))
        values.setdefault(key, []).append(sample.value)
    merged = []
    for (name, pairs), read in values.items():
        if metric.type != "gauge" or name.endswith(("_count", "_sum")) or "_bucket" in name:
            value = sum(read)
        elif "quantile" in dict(pairs):
            value = sum(read) / len(read)
        else:
            value = read[-1]
        merged.append((name, dict(pairs), value))
    return merged
