"""A lock-free latency-timing core for the SDKs of Conductor, the workflow engine.

``ictus.conductor`` is the drop-in for the metrics of ``conductor-python``.
"""

from ictus._core import __version__

__all__ = ["__version__"]
