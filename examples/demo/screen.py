"""Prints timers and counters as readable tables."""

from __future__ import annotations

import itertools
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exposition import NOTHING, Labels, Sample, ordered, timers

QUANTILES = ("0.5", "0.75", "0.9", "0.95", "0.99")

SAME_TIMER = {"api_request_time_seconds": "http_api_client_request"}
"""Timers that are shown under two names: the table has the second one."""


def duration(seconds: float) -> str:
    """Formats a duration with three digits and a unit: ``853 µs``, ``12.3 ms``, ``1.24 s``."""
    if math.isnan(seconds):
        return "-"
    # A value that would round to 1000 of a unit is 1.00 of the next unit.
    unit, size = next(((u, s) for u, s in (("s", 1), ("ms", 1e-3)) if seconds >= 0.9995 * s), ("µs", 1e-6))
    value = seconds / size
    return f"{value:,.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"


def number(value: float) -> str:
    """Formats a whole number with separators."""
    return "-" if math.isnan(value) else f"{value:,.0f}"


class Screen:
    """Standard output: redraws a line in a terminal, prints plain lines elsewhere."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = self.terminal and not os.environ.get("NO_COLOR")
        self._last = 0.0

    def bold(self, text: str) -> str:
        """Returns emphasized text, if colours are wanted."""
        return f"\033[1m{text}\033[0m" if self._colour else text

    def dim(self, text: str) -> str:
        """Returns dimmed text, if colours are wanted."""
        return f"\033[2m{text}\033[0m" if self._colour else text

    def line(self, text: str = "") -> None:
        """Prints a line that stays."""
        print(f"\r\033[K{text}" if self.terminal else text, flush=True)

    def progress(self, text: str) -> None:
        """Redraws the progress line; outside of a terminal, prints it every five seconds."""
        if self.terminal:
            width = os.get_terminal_size().columns
            print(f"\r\033[K{text[: width - 1]}", end="", flush=True)
        elif time.monotonic() - self._last >= 5:
            self._last = time.monotonic()
            print(text, flush=True)

    def table(self, titles: Sequence[str], groups: Mapping[str, Sequence[Row]]) -> None:
        """Prints groups of rows, each under its name, with one set of column widths for all of them."""
        rows = [row for group in groups.values() for row in group]
        label_widths = [
            max(map(len, column)) + 2
            for column in itertools.zip_longest(*(row.labels for row in rows), fillvalue="")
        ]
        widths = [
            max(map(len, column)) + 2 for column in zip(titles, *(row.cells for row in rows), strict=True)
        ]
        left = max([sum(label_widths) + 2, *(len(name) + 1 for name in groups)])
        for name, group in groups.items():
            self.line(self.bold(name.ljust(left)) + self.dim(_right(titles, widths)))
            for row in group:
                labels = "".join(
                    value.ljust(width) for value, width in zip(row.labels, label_widths, strict=False)
                )
                self.line(f"  {labels}".ljust(left) + _right(row.cells, widths))
            self.line()


@dataclass(frozen=True)
class Row:
    """A line of a table: label values, then numbers."""

    labels: list[str]
    cells: list[str]


def _right(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Aligns the cells of a line to the right edges of their columns."""
    return "".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def show(screen: Screen, samples: list[Sample], types: dict[str, str]) -> None:
    """Prints the timers and the counters of an exposition."""
    timed = timers(samples)
    names = {timer.name for timer in timed}
    hidden = sorted(name for name, shown in SAME_TIMER.items() if {name, shown} <= names)
    rows: dict[str, list[Row]] = {}
    for timer in timed:
        if timer.name not in hidden:
            cells = [duration(timer.quantiles.get(quantile, NOTHING)) for quantile in QUANTILES]
            cells += [number(timer.count), duration(timer.total)]
            rows.setdefault(heading(timer.name, timer.labels), []).append(Row(values(timer.labels), cells))
    screen.table(("p50", "p75", "p90", "p95", "p99", "count", "sum"), rows)
    rows = {}
    for name, labels, value in sorted(
        (sample.name, ordered(sample.labels), sample.value) for sample in samples if is_counter(sample, types)
    ):
        rows.setdefault(heading(name, labels), []).append(Row(values(labels), [number(value)]))
    screen.table(("total",), rows)
    for name in hidden:
        screen.line(f"{SAME_TIMER[name]} is also there as {name}, its name in the SDK's documentation.")


def is_counter(sample: Sample, types: dict[str, str]) -> bool:
    """Returns whether to show a sample as a counter. Ictus's own are shown only if they report a problem."""
    if sample.name.startswith("ictus_") and (sample.value == 0 or "snapshots" in sample.name):
        return False
    return "counter" in (types.get(sample.name), types.get(sample.name.removesuffix("_total")))


def values(labels: Labels) -> list[str]:
    """Returns the values of some labels, shortened for a table."""
    return [short(value) for _, value in labels]


def heading(name: str, labels: Labels) -> str:
    """Returns the name of a family and of its labels."""
    keys = ", ".join(key for key, _ in labels)
    return f"{name} {{{keys}}}" if keys else name


def short(text: str, limit: int = 44) -> str:
    """Returns a label value on one line, cut in the middle if it is long."""
    text = text.replace("\n", "↵")
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-limit // 2 + 1 :]}"
