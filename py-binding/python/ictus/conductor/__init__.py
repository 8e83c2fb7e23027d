"""The metrics of ``conductor-python``, recorded by Ictus.

One line changes in a program that uses the SDK::

    from ictus.conductor import MetricsSettings

Importing this package replaces the SDK's collectors, factory and metrics provider in this process.
Worker processes follow by themselves: they receive the settings by pickle, and unpickling them
imports this package.

With ``ICTUS_DISABLE=1``, and where Ictus cannot record with the installed SDK, nothing is replaced, and the
names here are the SDK's own. The second is logged once a process.
"""

from typing import TYPE_CHECKING, Any

from ictus.conductor import switch
from ictus.conductor.settings import MetricsSettings

if TYPE_CHECKING:
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

__all__ = [
    "CanonicalMetricsCollector",
    "LegacyMetricsCollector",
    "MetricsCollector",
    "MetricsSettings",
    "create_metrics_collector",
    "create_metrics_collector_for_parent",
    "install",
]


def _activate() -> None:
    """Replaces the SDK's names, or leaves all as it is and logs why."""
    if not switch.is_on():
        return
    try:
        from ictus.conductor import collectors, factory, patch  # noqa: PLC0415

        patch.install()
    except Exception as failed:
        switch.turn_off(f"they cannot be replaced ({type(failed).__name__}: {failed})")
        return
    for module in (collectors, factory, patch):
        globals().update((name, vars(module)[name]) for name in __all__ if name in vars(module))


def __getattr__(name: str) -> Any:
    """Returns the SDK's own object where Ictus is off."""
    if name in __all__:
        from ictus.conductor import off  # noqa: PLC0415

        return off.sdk_object(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_activate()
