"""The metrics of ``conductor-python``, recorded by Ictus.

One line changes in a program that uses the SDK::

    from ictus.conductor import MetricsSettings

Importing this package replaces the SDK's collectors, factory and metrics provider in this process.
Worker processes follow by themselves: they receive the settings by pickle, and unpickling them
imports this package.

With ``ICTUS_DISABLE=1``, nothing is replaced, and the names here are the SDK's own. The same applies if Ictus
cannot record with the installed SDK; each process logs this once.
"""

from typing import TYPE_CHECKING, Any

from ictus.conductor import activation
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
    """Replaces the SDK's names, or changes nothing and logs the reason."""
    if not activation.is_enabled():
        return
    try:
        from ictus.conductor import collectors, factory, patch  # noqa: PLC0415

        patch.install()
    except Exception as failed:
        activation.disable(f"they cannot be replaced ({type(failed).__name__}: {failed})")
        return
    for module in (collectors, factory, patch):
        globals().update((name, vars(module)[name]) for name in __all__ if name in vars(module))


def __getattr__(name: str) -> Any:
    """Returns the SDK's own object if Ictus is disabled."""
    if name in __all__:
        from ictus.conductor import disabled  # noqa: PLC0415

        return disabled.sdk_object(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_activate()
