"""Metrics that users define themselves with ``prometheus_client`` in multiprocess mode.

The SDK's provider shows them beside its own, so this one does too. They stay in ``prometheus_client``'s
files; what the SDK's collector may have left there under names of the catalog is not shown twice.

Import it only after ``PROMETHEUS_MULTIPROC_DIR`` is set, for it imports ``prometheus_client``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from ictus import _core
from ictus.conductor import notice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CATALOG = frozenset(_core.shown_names())


def text(directory: str) -> str:
    """The guests' families as Prometheus text; empty where there are none."""
    if next(Path(directory).glob("*.db"), None) is None:
        return ""
    registry = CollectorRegistry()
    registry.register(_Guests(directory))
    return generate_latest(registry).decode()


class _Guests:
    """Families as the SDK's provider shows them: merged over processes, without a label for the pid."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def describe(self) -> list[Any]:
        """Nothing is known before it is read."""
        return []

    def collect(self) -> Iterator[Any]:
        """The families of all processes."""
        for metric in _read(sorted(map(str, Path(self._directory).glob("*.db")))):
            if metric.name not in _CATALOG and f"{metric.name}_total" not in _CATALOG:
                metric.samples = _merged(metric)
                yield metric


def _read(files: list[str]) -> Iterable[Any]:
    """The families in the files. One that cannot be read is left out, not all for its sake."""
    merge: Any = MultiProcessCollector.merge  # Its types are not stated by the library.
    try:
        return list(merge(files))
    except Exception:
        sound = [file for file in files if _is_sound(merge, file)]
    # One that went bad in the meantime: the provider shows what it had, and looks again.
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
        notice.once(f"{file} is left out, prometheus_client cannot read it: {failed!r}")
        return False
    return True


def _merged(metric: Any) -> list[Any]:
    """The samples of a family, those that differ by nothing but the process made one.

    What adds up is added up. Of a gauge that each process has its own value of, the last one read is
    shown: its ``multiprocess_mode`` says what it should be instead.
    """
    merged: dict[tuple[str, tuple[tuple[str, str], ...]], Any] = {}
    for sample in metric.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "pid"}
        key = (sample.name, tuple(sorted(labels.items())))
        before = merged.get(key)
        value = sample.value
        if before is not None and metric.type != "gauge":
            value += before.value
        merged[key] = sample._replace(labels=labels, value=value)
    return list(merged.values())
