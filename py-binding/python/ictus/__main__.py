"""The ``ictus`` command, as ``ictus`` or ``python -m ictus``."""

import logging
import signal
import sys


def main() -> int:
    """Runs the command with the process's arguments."""
    if sys.argv[1:2] == ["run"]:
        from ictus import run  # noqa: PLC0415

        return run.main(sys.argv[2:])
    from ictus import _core, _prometheus_client  # noqa: PLC0415

    # Python must not keep an interrupt pending: the command either catches it or ends by it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logging.basicConfig(format="ictus: %(message)s")
    user_families = _prometheus_client.collect if _prometheus_client.IS_INSTALLED else None
    return _core.command(["ictus", *sys.argv[1:]], user_families)


if __name__ == "__main__":
    sys.exit(main())
