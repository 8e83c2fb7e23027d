"""What this package offers where Ictus is off: the SDK's own, under the same names."""

from __future__ import annotations

from typing import Any

from ictus.conductor import _sdk
from ictus.conductor._sdk import CanonicalMetricsCollector, LegacyMetricsCollector

__all__ = [
    "CanonicalMetricsCollector",
    "LegacyMetricsCollector",
    "MetricsCollector",
    "create_metrics_collector",
    "create_metrics_collector_for_parent",
    "install",
]

MetricsCollector = LegacyMetricsCollector


def install() -> None:
    """Replaces nothing."""


def create_metrics_collector(settings: Any) -> Any:
    """What the SDK makes."""
    if _sdk.create_metrics_collector is None:
        return LegacyMetricsCollector(settings)
    return _sdk.create_metrics_collector(settings)


def create_metrics_collector_for_parent(settings: Any) -> Any:
    """What the SDK makes in the process that starts the workers."""
    if _sdk.create_metrics_collector_for_parent is None:
        return create_metrics_collector(settings)
    return _sdk.create_metrics_collector_for_parent(settings)
