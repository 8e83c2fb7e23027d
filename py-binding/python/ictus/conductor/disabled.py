"""The names of this package if Ictus is disabled: the SDK's own objects.

The installed SDK may lack some of them, so each name is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

_TELEMETRY = "conductor.client.telemetry."
_LOCATIONS = {
    "MetricsCollector": (("metrics_collector", "MetricsCollector"),),
    "LegacyMetricsCollector": (
        ("legacy_metrics_collector", "LegacyMetricsCollector"),
        ("metrics_collector", "MetricsCollector"),
    ),
    "CanonicalMetricsCollector": (
        ("canonical_metrics_collector", "CanonicalMetricsCollector"),
        ("metrics_collector", "MetricsCollector"),
    ),
    # Until 1.3 the SDK has no factory, and until 1.5.0 none for parents. The entries after the
    # first replace a missing one.
    "create_metrics_collector": (
        ("metrics_factory", "create_metrics_collector"),
        ("metrics_collector", "MetricsCollector"),
    ),
    "create_metrics_collector_for_parent": (
        ("metrics_factory", "create_metrics_collector_for_parent"),
        ("metrics_factory", "create_metrics_collector"),
        ("metrics_collector", "MetricsCollector"),
    ),
}


def sdk_object(name: str) -> Any:
    """Returns the SDK's own object of that name. Raises ``AttributeError`` if the SDK has none."""
    if name == "install":
        return _install
    for module, attribute in _LOCATIONS[name]:
        try:
            return getattr(importlib.import_module(_TELEMETRY + module), attribute)
        except (ImportError, AttributeError):
            continue
    raise AttributeError(f"the installed conductor-python has no {name}")


def _install() -> None:
    """Replaces nothing."""
