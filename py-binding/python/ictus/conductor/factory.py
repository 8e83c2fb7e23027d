"""The SDK's factory: creates the collector that the settings choose."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from ictus.conductor import _sdk, cleanup
from ictus.conductor.collectors import CanonicalMetricsCollector, LegacyMetricsCollector


def create_metrics_collector(
    settings: Any, *arguments: Any, **keywords: Any
) -> LegacyMetricsCollector | CanonicalMetricsCollector:
    """Returns the chosen collector for a worker. Removes nothing from the directory."""
    # If the directory cannot be created, the collector logs this and records nothing.
    with contextlib.suppress(OSError):
        Path(_sdk.metrics_directory(settings)).mkdir(parents=True, exist_ok=True)
    if not _sdk.CLEANS_IN_PARENT:
        cleanup.clean_once(settings)
    if _sdk.is_canonical(settings):
        return CanonicalMetricsCollector(settings, *arguments, **keywords)
    return LegacyMetricsCollector(settings, *arguments, **keywords)


def create_metrics_collector_for_parent(
    settings: Any, *arguments: Any, **keywords: Any
) -> LegacyMetricsCollector | CanonicalMetricsCollector:
    """Returns the chosen collector for the process that starts the workers.

    Cleans the directory first, if the settings require it.
    """
    clean = getattr(settings, "clean_metrics_directory", None)
    if clean is not None:
        with contextlib.suppress(OSError):
            clean()
    return create_metrics_collector(settings, *arguments, **keywords)
