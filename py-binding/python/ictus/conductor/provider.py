"""The SDK's metrics provider: the process that shows what all workers have recorded."""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path
from typing import Any

from ictus import _core, _guests
from ictus.conductor import _sdk, surfaces

_logger = logging.getLogger("ictus")


def provide_metrics(settings: Any) -> None:
    """Serves or writes the metrics until the process is ended.

    Over HTTP where the settings name a port, else into ``file_name`` in the metrics directory.
    """
    if settings is None:
        return
    _sdk.begin_providing()
    directory = _sdk.metrics_directory(settings)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    view = surfaces.view(settings)
    if settings.http_port is None:
        _core.write_loop(
            directory,
            Path(directory, settings.file_name),
            settings.update_interval,
            view.surfaces,
            summaries=view.summaries,
            guests=_guests.families,
        )
        return
    _core.serve(
        directory,
        settings.http_port,
        # On all interfaces, as the SDK, unless told otherwise.
        os.environ.get("ICTUS_HTTP_HOST", "").strip() or "0.0.0.0",
        view.surfaces,
        summaries=view.summaries,
        guests=_guests.families,
        security=_security(),
    )


def _security() -> _core.Security | None:
    """What the environment says is asked of whoever reads the endpoint."""
    names = ("ICTUS_TLS_CERT", "ICTUS_TLS_KEY", "ICTUS_AUTH")
    files = [os.environ.get(name, "").strip() or None for name in names]
    if not any(files):
        return None
    security = _core.Security(*files)

    def reload(*_: object) -> None:
        try:
            security.reload()
        except OSError as refused:
            _logger.error("%s; what was read before stays in force", refused)

    # A handler of the program's own stays, and only a main thread may set one.
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    ):
        signal.signal(signal.SIGHUP, reload)
    return security
