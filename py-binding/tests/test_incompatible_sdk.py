"""Tests that an incompatible SDK keeps its own metrics: nothing is lost, and one line explains it.

``make sdk-mutants`` runs all changes on all releases. This file tests some, with the installed
release.
"""

from __future__ import annotations

import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mutated_sdk
import mutation_runs

INSTALLED = Path(sysconfig.get_path("purelib"))
# For each change: the activation, and the expected recorder.
SOME = {
    "rename provide_metrics": ("hook", "sdk"),
    "rename increment_task_poll": ("import", "sdk"),
    "rename .update_interval": ("hook", "sdk"),
    "move legacy_metrics_collector": ("import", "sdk"),
    "move metrics_settings": ("import", "ictus"),
    "add a required argument to increment_task_poll": ("hook", "sdk"),
    "add an optional argument to record_task_poll_time": ("hook", "ictus"),
    "add a required argument to the constructors": ("import", "sdk"),
}


def test_incompatible_sdk_loses_nothing() -> None:
    every = mutated_sdk.changes(INSTALLED)
    chosen = {change: SOME[change] for change in SOME if change in every}
    assert len(chosen) >= 7

    def one(change: str) -> dict[str, str]:
        return mutation_runs.compare(INSTALLED, change, (chosen[change][0],), compare_alone=False)

    with ThreadPoolExecutor(2) as pool:
        recorders = dict(zip(chosen, pool.map(one, chosen), strict=True))
    assert recorders == {change: {way: who} for change, (way, who) in chosen.items()}
