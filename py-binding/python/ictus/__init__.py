"""A lock-free latency-timing core for the SDKs of Conductor, the workflow engine.

Start with ``Registry``. For workers of ``conductor-python``, ``ictus.conductor`` replaces the SDK's metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from ictus._core import (
        Counter,
        Family,
        Gauge,
        Registry,
        Server,
        Snapshot,
        Timer,
        TimerContext,
        Timing,
        __version__,
        content_type,
        read,
    )
    from ictus._web import make_asgi_app, make_wsgi_app

__all__ = [
    "Counter",
    "Family",
    "Gauge",
    "Registry",
    "Server",
    "Snapshot",
    "Timer",
    "TimerContext",
    "Timing",
    "__version__",
    "content_type",
    "make_asgi_app",
    "make_wsgi_app",
    "read",
    "start_http_server",
]

_WEB = frozenset({"make_asgi_app", "make_wsgi_app"})
_MODULES = frozenset({"otel", "process", "prometheus", "testing"})
"""Modules that ``import ictus`` makes available without another import statement."""


def start_http_server(
    port: int,
    addr: str = "0.0.0.0",
    *,
    registry: Registry | None = None,
    directory: str | os.PathLike[str] | None = None,
    surfaces: Sequence[str] | None = None,
    certfile: str | os.PathLike[str] | None = None,
    keyfile: str | os.PathLike[str] | None = None,
    auth: str | os.PathLike[str] | None = None,
    client_cafile: str | os.PathLike[str] | None = None,
    allowed_hosts: Sequence[str] | None = None,
) -> Server:
    """Serves the metrics of a registry or a directory at ``http://addr:port/metrics``, on separate threads.

    The server runs until its ``close()``, or until the program ends. You need not store the result. Port 0 is
    any free port, whose number is ``port`` of the result. ``surfaces`` selects the names of Conductor's
    metrics: ``legacy``, ``documented`` or ``canonical``.

    ``certfile`` and ``keyfile`` are PEM files and enable TLS. ``client_cafile`` requires a certificate of one
    of its authorities from each client. ``auth`` is a file with one line per client: ``bearer TOKEN`` or
    ``basic USER:PASSWORD``, where the password may be a bcrypt hash. The server serves no other client. It
    reads changed files again within ten seconds.

    If ``addr`` is a loopback address, the ``Host`` header of a request must be an IP address, ``localhost``,
    or one of ``allowed_hosts``.

    Raises ``OSError`` if the port cannot be used or a file cannot be read, and ``ValueError`` for unknown
    surfaces.
    """
    import os  # noqa: PLC0415

    from ictus import _core  # noqa: PLC0415

    files = {"certfile": certfile, "keyfile": keyfile, "auth": auth, "client_cafile": client_cafile}
    for name, file in files.items():
        if file is not None and not os.fspath(file):
            # An empty setting must not open the endpoint to every client.
            raise ValueError(f"{name} is empty: give a file, or leave it out")
    security = _core.Security(**files) if any(file is not None for file in files.values()) else None
    return _core.Server(
        port,
        addr,
        registry=registry,
        directory=directory,
        surfaces=surfaces,
        security=security,
        allowed_hosts=allowed_hosts,
    )


def __getattr__(name: str) -> Any:
    # The native module is loaded on first use, so that it does not delay the start of an
    # interpreter. If it cannot be loaded, the drop-in can still log this and leave the SDK as it
    # is.
    if name in _MODULES:
        return _module(name)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _WEB:
        from ictus import _web as module  # noqa: PLC0415
    else:
        # The import of `_imports` is for tools that freeze programs: it shows them the imports of
        # the native module.
        from ictus import _core as module  # type: ignore[no-redef] # noqa: PLC0415
        from ictus import _imports  # noqa: F401, PLC0415
    attribute = getattr(module, name)
    globals()[name] = attribute
    return attribute


def _module(name: str) -> Any:
    """Imports a module of the package, with a statement that tools find that freeze programs."""
    import sys  # noqa: PLC0415

    try:
        if name == "otel":
            import ictus.otel  # noqa: PLC0415
        elif name == "process":
            import ictus.process  # noqa: PLC0415
        elif name == "prometheus":
            import ictus.prometheus  # noqa: PLC0415
        else:
            import ictus.testing  # noqa: F401, PLC0415
    except ImportError as missing:
        # The same error as for any missing attribute; `import` reports more.
        raise AttributeError(f"{__name__}.{name} cannot be imported: {missing}") from missing
    return sys.modules[f"{__name__}.{name}"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
