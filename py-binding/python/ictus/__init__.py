"""A lock-free latency-timing core for the SDKs of Conductor, the workflow engine.

``ictus.conductor`` is the drop-in for the metrics of ``conductor-python``.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    # The native module is loaded where it is needed: the start of an interpreter does not wait for
    # it, and where it cannot be loaded, the drop-in can say so and step aside.
    if name == "__version__":
        from ictus._core import __version__  # noqa: PLC0415

        return __version__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
