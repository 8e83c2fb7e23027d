"""Tests that programs are not aborted if they end while one of their threads writes metrics."""

from __future__ import annotations

import exit_loop


def test_program_that_ends_while_metrics_are_written_is_not_aborted() -> None:
    # An abort is rare even where it can happen: `make exit-loop` has the figures.
    assert exit_loop.main(2) == 0
