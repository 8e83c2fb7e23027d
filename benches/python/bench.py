"""Measures the cost of recording from Python, compared with other clients: ``make bench-python``.

Each contestant records in a separate process, and the contestants take turns, so that a disturbance
affects all of them. Costs are processor time of the thread; ratios are medians over the rounds. Fails
if a budget is exceeded.
"""

from __future__ import annotations

import sys

import collectors
import events
import handles
import limits

EXCEEDED = 3
"""The exit status in that case, different from that of an error."""


def main() -> int:
    """Prints the tables."""
    within_budget = [part.shown() for part in (collectors, events, handles, limits)]
    return 0 if all(within_budget) else EXCEEDED


if __name__ == "__main__":
    sys.exit(main())
