"""The metrics of ``conductor-python``, recorded by Ictus.

One line changes in a program that uses the SDK::

    from ictus.conductor import MetricsSettings

Importing this package replaces the SDK's collectors, factory and metrics provider in this process.
Worker processes follow by themselves: they receive the settings by pickle, and unpickling them
imports this package.
"""

from ictus.conductor.collectors import (
    CanonicalMetricsCollector,
    LegacyMetricsCollector,
    MetricsCollector,
)
from ictus.conductor.factory import create_metrics_collector, create_metrics_collector_for_parent
from ictus.conductor.patch import install
from ictus.conductor.settings import MetricsSettings

__all__ = [
    "CanonicalMetricsCollector",
    "LegacyMetricsCollector",
    "MetricsCollector",
    "MetricsSettings",
    "create_metrics_collector",
    "create_metrics_collector_for_parent",
    "install",
]

install()
