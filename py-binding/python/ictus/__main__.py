"""The ``ictus`` command, as ``ictus`` or ``python -m ictus``."""

import sys


def main() -> int:
    """Runs the command with the process's arguments."""
    if sys.argv[1:2] == ["run"]:
        from ictus import run  # noqa: PLC0415

        return run.main(sys.argv[2:])
    from ictus import _core  # noqa: PLC0415

    status = _core.command(["ictus", *sys.argv[1:]])
    if sys.argv[1:] in (["--help"], ["-h"], ["help"]):
        print("\nWith Python:\n  run    Runs a Python program whose Conductor workers record with Ictus")
    return status


if __name__ == "__main__":
    sys.exit(main())
