"""Tests releases of the SDK that have no environment here; ``make sdk-matrix`` runs all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import mutation_runs
import sdk_matrix

CELLS = [
    sdk_matrix.Cell("1.3.4", "http", killed=False),
    sdk_matrix.Cell("1.4.0", "file", killed=True),
    sdk_matrix.Cell("1.5.0", "http", killed=True),
]


def test_counts_equal_those_of_the_server() -> None:
    with ThreadPoolExecutor(2) as pool:
        outcomes = dict(zip(CELLS, pool.map(sdk_matrix.run, CELLS), strict=True))
    assert outcomes == dict.fromkeys(CELLS, "exact")


def test_releases_before_1_3_keep_their_own_metrics() -> None:
    outcome = mutation_runs.run(sdk_matrix.install("1.2.3"), "hook")
    assert outcome.completed
    assert not outcome.records_natively
    assert "conductor-python 1.2.3 is not supported" in outcome.lines()[0]
