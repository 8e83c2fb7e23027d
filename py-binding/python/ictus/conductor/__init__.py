"""The metrics of ``conductor-python``, recorded by Ictus.

One line changes in a program that uses the SDK::

    from ictus.conductor import MetricsSettings

Importing this package replaces the SDK's collectors, factory and metrics provider in this process.
Worker processes follow by themselves: they receive the settings by pickle, and unpickling them
imports this package.

With ``ICTUS_DISABLE=1``, or where the native module cannot be loaded, nothing is replaced, and the
names here are the SDK's own.
"""

from typing import TYPE_CHECKING

from ictus.conductor.settings import MetricsSettings
from ictus.conductor.switch import is_on

if TYPE_CHECKING or is_on():
    from ictus.conductor.collectors import (
        CanonicalMetricsCollector,
        LegacyMetricsCollector,
        MetricsCollector,
    )
    from ictus.conductor.factory import (
        create_metrics_collector,
        create_metrics_collector_for_parent,
    )
    from ictus.conductor.patch import install
else:
    from ictus.conductor.off import (
        CanonicalMetricsCollector,
        LegacyMetricsCollector,
        MetricsCollector,
        create_metrics_collector,
        create_metrics_collector_for_parent,
        install,
    )

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
