"""The SDK's metrics provider: the process that shows what all workers have recorded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ictus import _core, _guests
from ictus.conductor import _sdk, surfaces


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
    )
