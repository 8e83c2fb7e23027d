"""A lock-free latency-timing core for the SDKs of Conductor, the workflow engine.

``Registry`` is where to start without Conductor; ``ictus.conductor`` is the drop-in for the metrics of
``conductor-python``.
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
        Running,
        Server,
        Snapshot,
        Timer,
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
    "Running",
    "Server",
    "Snapshot",
    "Timer",
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
"""Modules that ``import ictus`` is enough for."""


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
    """Serves a registry or a directory at ``http://addr:port/metrics``, from threads of its own.

    The server runs until its ``close()``, or the end of the program; the result need not be kept. Port 0 is
    any free one: ``port`` of the result is its number. With ``certfile`` and ``keyfile``, files in PEM, it
    serves over TLS; with ``client_cafile``, to clients with a certificate of those authorities alone. With
    ``auth``, a file with a line ``bearer TOKEN`` or ``basic USER:PASSWORD`` for each client (the password may
    be its bcrypt hash), it serves those clients alone. The files are read again within ten seconds after a
    change.

    At a loopback address the endpoint answers to addresses, ``localhost`` and ``allowed_hosts`` in ``Host``.

    Raises ``OSError`` where the port cannot be used, or a file cannot be read.
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
    found = getattr(module, name)
    globals()[name] = found
    return found


def _module(name: str) -> Any:
    """Imports a module of the package, by a statement that tools which freeze programs find."""
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
