"""What recording costs from Python, beside its peers: ``make bench-python``.

Each contestant records in a process of its own, and in turn: what disturbs one disturbs all. Costs are of the
thread's processor time; ratios are medians over the rounds. Fails where a budget is exceeded.
"""

from __future__ import annotations

import sys

import collectors
import handles
import limits

EXCEEDED = 3
"""The exit status then: not the one of a fault."""


def main() -> int:
    """Prints the tables."""
    held = [part.shown() for part in (collectors, handles, limits)]
    return 0 if all(held) else EXCEEDED


if __name__ == "__main__":
    sys.exit(main())
