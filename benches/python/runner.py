"""Measures contestants: each in a separate process, in turn, net of their loops."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Loop = Callable[[list[float], list[Any]], None]
    """The measured calls, in a loop over these durations or events."""

ROUNDS = 7
Round = dict[str, dict[str, float]]
"""The measurements of each contestant, by its name and by that of the figure."""


def nothing(durations: list[float], _: list[Any]) -> None:
    """The empty loop."""
    for _seconds in durations:
        pass


def cost(loop: Loop, durations: list[float], events: list[Any], times: int) -> float:
    """Returns the processor time of one call in seconds, net of the loop."""

    def spent(loop: Loop) -> float:
        start = time.thread_time()
        for _ in range(times):
            loop(durations, events)
        return time.thread_time() - start

    return (spent(loop) - spent(nothing)) / times / len(durations)


def rounds(program: str, contestants: Iterable[str], number: int = ROUNDS) -> list[Round]:
    """Returns the output of the program for each contestant, in rounds in which they take turns.

    Ictus replaces the SDK's classes, so it is enabled for the contestant named ``ictus`` only.
    """
    contestants = list(contestants)
    results: list[Round] = []
    for at in range(number):
        print(
            f"\r{Path(program).name}: round {at + 1} of {number} ...",
            end="",
            file=sys.stderr,
            flush=True,
        )
        results.append({one: measured(program, one) for one in contestants})
    print("\r\033[K", end="", file=sys.stderr)
    return results


def measured(program: str, contestant: str) -> dict[str, float]:
    """Returns the output of the program in a separate process."""
    environment = dict(os.environ, ICTUS_DISABLE="" if contestant == "ictus" else "1")
    for name in ("ICTUS_CONDUCTOR", "PROMETHEUS_MULTIPROC_DIR"):
        environment.pop(name, None)
    child = subprocess.run(
        [sys.executable, program, contestant], env=environment, stdout=subprocess.PIPE, check=True
    )
    figures: dict[str, float] = json.loads(child.stdout)
    return figures


def median(rounds: list[Round], of: Callable[[Round], float]) -> float:
    """Returns the median over the rounds."""
    return statistics.median(of(one) for one in rounds)


def spelled(seconds: float) -> str:
    """Formats a time with three digits."""
    for unit, scale in (("ns", 1e9), ("µs", 1e6)):
        if seconds * scale < 1000:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e3:.3g} ms"


def table(heads: list[str], rows: list[list[str]]) -> None:
    """Prints a Markdown table; all columns but the first are numbers."""
    print("| " + " | ".join(heads) + " |")
    print("|---|" + "--:|" * (len(heads) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def verdict(ok: bool) -> str:
    """Returns the text of the last column."""
    return "ok" if ok else "EXCEEDED"
