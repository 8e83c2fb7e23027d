"""The SDK's metrics provider: the process that shows the metrics of all workers."""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path
from typing import Any

from ictus import _core, _log_once, _provider_loop
from ictus.conductor import _sdk, cleanup, surfaces

_logger = logging.getLogger("ictus")


def provide_metrics(settings: Any) -> None:
    """Serves or writes the metrics until the process is ended.

    If the settings name a port, it serves over HTTP; else it writes ``file_name`` in the metrics directory.
    If Ictus fails, the SDK's own provider takes over, unless access to the endpoint is restricted.
    """
    if settings is None:
        return
    try:
        _run(settings)
    except Exception as failed:
        if _is_restricted(settings):
            raise
        _log_once.warning(f"the SDK's own provider takes over: {type(failed).__name__}: {failed}")
        _sdk.provide_metrics(settings)


_SECURITY = ("ICTUS_TLS_CERT", "ICTUS_TLS_KEY", "ICTUS_AUTH", "ICTUS_TLS_CLIENT_CA")


def _is_restricted(settings: Any) -> bool:
    """Returns whether access to the endpoint is restricted. The SDK's own provider cannot restrict it."""
    restricting = ("ICTUS_HTTP_HOST", "ICTUS_ALLOWED_HOSTS", *_SECURITY)
    return settings.http_port is not None and any(name in os.environ for name in restricting)


def _run(settings: Any) -> None:
    _sdk.begin_providing()
    directory = _sdk.metrics_directory(settings)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    try:
        cleanup.clean_before_workers(settings)
    except Exception as refused:
        _log_once.warning(f"{directory} is not cleaned: {refused}")
    view = surfaces.view(settings)
    _provider_loop.run(_provider(settings, directory, view))


def _provider(settings: Any, directory: str, view: surfaces.View) -> _core.Provider:
    if settings.http_port is None:
        return _core.Provider.file(
            directory,
            Path(directory, settings.file_name),
            settings.update_interval,
            view.surfaces,
            summaries=view.summaries,
        )
    return _core.Provider.http(
        directory,
        settings.http_port,
        # Listens on all interfaces by default, as the SDK does.
        os.environ.get("ICTUS_HTTP_HOST", "").strip() or "0.0.0.0",
        view.surfaces,
        summaries=view.summaries,
        security=_security(),
        allowed_hosts=os.environ.get("ICTUS_ALLOWED_HOSTS", "").split(","),
    )


def _security() -> _core.Security | None:
    """Returns the TLS and authentication that environment variables set, or ``None``.

    Raises ``ValueError`` for a variable that is set and blank, because it must not open the endpoint.
    """
    files = [os.environ.get(name) for name in _SECURITY]
    for name, file in zip(_SECURITY, files, strict=True):
        if file is not None and not file.strip():
            raise ValueError(f"{name} is set and blank: give a file, or unset it to require nothing")
    if not any(files):
        return None
    security = _core.Security(*files)

    def reload(*_: object) -> None:
        try:
            security.reload()
        except OSError as refused:
            _logger.error("%s", refused)

    # The program's own handler stays, and only a main thread may set one.
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    ):
        signal.signal(signal.SIGHUP, reload)
    return security
