"""Programs that end while one of their threads writes metrics are not aborted."""

from __future__ import annotations

import exit_loop


def test_program_that_ends_while_metrics_are_written_is_not_aborted() -> None:
    # Rare where it happens at all: `make exit-loop` has the figures.
    assert exit_loop.main(2) == 0
