"""The SDK's factory: which collector the settings ask for."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from ictus.conductor import _sdk, cleaning
from ictus.conductor.collectors import CanonicalMetricsCollector, LegacyMetricsCollector


def create_metrics_collector(
    settings: Any, *arguments: Any, **keywords: Any
) -> LegacyMetricsCollector | CanonicalMetricsCollector:
    """The collector that the settings chose, for a worker: nothing in the directory is removed."""
    # If the directory cannot be created, the collector logs this and records nothing.
    with contextlib.suppress(OSError):
        Path(_sdk.metrics_directory(settings)).mkdir(parents=True, exist_ok=True)
    if not _sdk.CLEANS_IN_PARENT:
        cleaning.clean_once(settings)
    if _sdk.is_canonical(settings):
        return CanonicalMetricsCollector(settings, *arguments, **keywords)
    return LegacyMetricsCollector(settings, *arguments, **keywords)


def create_metrics_collector_for_parent(
    settings: Any, *arguments: Any, **keywords: Any
) -> LegacyMetricsCollector | CanonicalMetricsCollector:
    """The same for the process that starts the workers: cleans the directory first, if asked to."""
    clean = getattr(settings, "clean_metrics_directory", None)
    if clean is not None:
        with contextlib.suppress(OSError):
            clean()
    return create_metrics_collector(settings, *arguments, **keywords)
