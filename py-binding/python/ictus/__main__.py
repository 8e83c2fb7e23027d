"""The ``ictus`` command, as ``ictus`` or ``python -m ictus``."""

import logging
import signal
import sys


def main() -> int:
    """Runs the command with the process's arguments."""
    if sys.argv[1:2] == ["run"]:
        from ictus import run  # noqa: PLC0415

        return run.main(sys.argv[2:])
    from ictus import _core, _guests  # noqa: PLC0415

    # Python must not keep an interrupt pending: the command either catches it or ends by it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logging.basicConfig(format="ictus: %(message)s")
    guests = _guests.families if _guests.CAN_BE_MERGED else None
    return _core.command(["ictus", *sys.argv[1:]], guests)


if __name__ == "__main__":
    sys.exit(main())
