"""The ``ictus`` command, as ``ictus`` or ``python -m ictus``."""

import sys

from ictus import _core


def main() -> int:
    """Runs the command with the process's arguments."""
    return _core.command(["ictus", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
