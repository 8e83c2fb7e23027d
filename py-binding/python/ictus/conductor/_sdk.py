"""The installed SDK without Ictus: its own classes, and the differences of its versions.

This module is imported before anything is replaced, so its names stay the SDK's own. ``compatibility``
imports it first, and reports a missing name if the import fails.
"""

from __future__ import annotations

import contextlib
import signal
import time
from typing import Any

from conductor.client.telemetry import metrics_collector

from ictus.conductor import sdk_settings

try:
    from conductor.client.telemetry import metrics_factory
except ImportError:
    HAS_FACTORY = False
else:
    HAS_FACTORY = True

MetricsSettings: Any = sdk_settings.find()

if not HAS_FACTORY:
    # Until 1.3: one class, no factory, no canonical mode.
    TIMES_UPDATES = False
    CollectorBase = metrics_collector.MetricsCollector
    LegacyMetricsCollector = metrics_collector.MetricsCollector
    CanonicalMetricsCollector = metrics_collector.MetricsCollector
    create_metrics_collector = None
    create_metrics_collector_for_parent = None
else:
    from conductor.client.telemetry import (
        canonical_metrics_collector,
        legacy_metrics_collector,
        metrics_collector_base,
    )

    TIMES_UPDATES = True
    CollectorBase = metrics_collector_base.MetricsCollectorBase
    LegacyMetricsCollector = legacy_metrics_collector.LegacyMetricsCollector
    CanonicalMetricsCollector = canonical_metrics_collector.CanonicalMetricsCollector
    create_metrics_collector = metrics_factory.create_metrics_collector
    # Since 1.5.
    create_metrics_collector_for_parent = getattr(
        metrics_factory, "create_metrics_collector_for_parent", None
    )

CLEANS_IN_PARENT = hasattr(MetricsSettings, "clean_metrics_directory")
"""Whether the process that starts the workers cleans the directory, as since 1.5.1.

Until 1.5.0 each process that creates a collector cleans it.
"""

__all__ = [
    "CLEANS_IN_PARENT",
    "HAS_FACTORY",
    "TIMES_UPDATES",
    "CanonicalMetricsCollector",
    "CollectorBase",
    "LegacyMetricsCollector",
    "MetricsSettings",
    "begin_providing",
    "create_metrics_collector",
    "create_metrics_collector_for_parent",
    "is_canonical",
    "metrics_collector",
    "metrics_directory",
    "provide_metrics",
]

provide_metrics = CollectorBase.provide_metrics
"""The SDK's own provider, which Ictus's replaces."""


def metrics_directory(settings: Any) -> str:
    """Returns the metrics directory: ``metrics_directory``, until 1.3 ``directory``."""
    directory: str = settings.metrics_directory if HAS_FACTORY else settings.directory
    return directory


def is_canonical(settings: Any) -> bool:
    """Returns whether the settings choose the canonical metrics, which exist since 1.4."""
    return HAS_FACTORY and bool(settings.is_canonical)


def begin_providing() -> None:
    """Does the first steps of the SDK's provider in its process."""
    if HAS_FACTORY:
        # The parent handles Ctrl-C and then ends the provider by SIGTERM. `signal` fails outside
        # the main thread, where no signal arrives anyway.
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:
        time.sleep(0.5)
