"""Writes the files of workers in ``prometheus_client``'s multiprocess mode, with the SDK's timer metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client import mmap_dict
from prometheus_client.mmap_dict import mmap_key

NAME = "task_seconds"
HELP = "How long tasks take."
OUTCOMES = ("SUCCESS", "FAILURE", "TIMED_OUT")
QUANTILES = ("0.5", "0.75", "0.9", "0.95", "0.99")
# The module has no types.
MmapedDict: Any = mmap_dict.MmapedDict


class WorkerFiles:
    """The files, one for each process, and all values in them."""

    def __init__(self, directory: Path, mode: str, processes: int, timers: int) -> None:
        paths = [directory / f"gauge_{mode}_{1 + pid}.db" for pid in range(processes)]
        self.files = [MmapedDict(str(path)) for path in paths]
        self.values = [(file, key) for file in self.files for timer in range(timers) for key in keys(timer)]
        self.write(self.values, 0.0123456789)

    def write(self, values: list[tuple[Any, str]], value: float) -> None:
        """Writes a value to some of them."""
        for file, key in values:
            file.write_value(key, value, 0.0)

    def close(self) -> None:
        """Closes the files."""
        for file in self.files:
            file.close()


def labels(timer: int) -> dict[str, str]:
    """Returns the labels of a timer."""
    return {"task_type": f"task_type_{timer:03}", "status": OUTCOMES[timer % len(OUTCOMES)]}


def keys(timer: int) -> list[str]:
    """Returns the keys that the SDK writes for a timer: five quantiles, count and sum."""
    own = labels(timer)
    result = []
    for quantile in QUANTILES:
        shown = {**own, "quantile": quantile}
        result.append(mmap_key(NAME, NAME, list(shown), list(shown.values()), HELP))
    for suffix in ("_count", "_sum"):
        name = NAME + suffix
        result.append(mmap_key(name, name, list(own), list(own.values()), HELP))
    return result
