"""Tests that the resources of an exporter level off while its workers are replaced, for a short time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness import TESTS

sys.path.insert(0, str(TESTS.parents[1] / "benches" / "soak"))
import soak

if TYPE_CHECKING:
    from collections.abc import Callable


def test_memory_and_disk_level_off_and_counts_never_decrease() -> None:
    load = soak.Load(processes=3, threads=4, series=120, life=5, pause=0.05)
    seen = list(soak.soak(45, 1.5, load))
    assert len(seen) >= 9
    assert seen[-1].killed >= 6
    counts = [one.observations for one in seen]
    assert counts == sorted(counts)
    assert counts[-1] > 10_000
    third = len(seen) // 3

    def most(part: list[soak.Seen], of: Callable[[soak.Seen], float]) -> float:
        return max(of(one) for one in part)

    middle, last = seen[third : 2 * third], seen[2 * third :]
    # In the middle all windows are full, and the first workers have been replaced.
    assert most(last, lambda one: one.exporter_mb) < 1.15 * most(middle, lambda one: one.exporter_mb) + 3
    assert most(last, lambda one: one.directory_mb) < 1.25 * most(middle, lambda one: one.directory_mb) + 1
