"""Metrics that users define themselves with ``prometheus_client`` in multiprocess mode.

The SDK's provider shows them beside its own, so whatever shows Ictus's does too. They stay in
``prometheus_client``'s files; what the SDK's collector may have left there under names of the catalog is not
shown twice.
"""

from __future__ import annotations

import importlib.util
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
    # Whoever may write there may have left a pipe, which would be waited for.
    files = sorted(str(path) for path in directory.glob("*.db") if path.is_file())
    if not files:
        return []
    # Only now: who has no guests need not wait for it, and a provider has to set its variable first.
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    merge = MultiProcessCollector.merge
    families = [metric for metric in _read(merge, files) if not _is_of_catalog(metric)]
    marked = _sdk_recording.marked_pids(directory)
    if marked:
        theirs = [file for file in files if _sdk_recording.pid_of(file) in marked]
        families += [metric for metric in _read(merge, theirs) if _is_of_catalog(metric)]
    return [(metric.name, metric.documentation, metric.type, _merged(metric)) for metric in families]


def _is_of_catalog(metric: Any) -> bool:
    return metric.name in _CATALOG or f"{metric.name}_total" in _CATALOG


def _read(merge: Any, files: list[str]) -> list[Any]:
    """The families in the files. One that cannot be read is left out, not all for its sake."""
    try:
        return list(merge(files))
    except Exception:
        sound = [file for file in files if _is_sound(merge, file)]
        return list(merge(sound))


def _is_sound(merge: Any, file: str) -> bool:
    try:
        # One that is being made is empty for a moment.
        if Path(file).stat().st_size == 0:
            return False
        merge([file], accumulate=False)
    except FileNotFoundError:
        return False
    except Exception as failed:
        _notice.once(f"{file} is left out, prometheus_client cannot read it: {failed!r}")
        return False
    return True


def _merged(metric: Any) -> list[tuple[str, dict[str, str], float]]:
    """The samples of a family, those that differ by nothing but the process made one.

    By the rules of the SDK's provider, which look at names: what is called ``…_count``, ``…_sum`` or
    ``…_bucket…`` is added up whatever its type, what has a quantile is averaged. Of any other gauge that
    each process has its own value of, the last one read is shown: its ``multiprocess_mode`` says what it
    should be instead.
    """
    values: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = {}
    for sample in metric.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "pid"}
        key = (sample.name, tuple(sorted(labels.items())))
        values.setdefault(key, []).append(sample.value)
    merged = []
    for (name, pairs), read in values.items():
        if metric.type in ("counter", "histogram") or name.endswith(("_count", "_sum")) or "_bucket" in name:
            value = sum(read)
        elif "quantile" in dict(pairs):
            value = sum(read) / len(read)
        else:
            value = read[-1]
        merged.append((name, dict(pairs), value))
    return merged
