"""Replaces the names of the SDK by those of Ictus: all of them or none."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ictus.conductor import _sdk, cleanup, collectors, factory, provider, settings, subclass_hooks
from ictus.conductor.changes import Changes


def install() -> None:
    """Replaces the SDK's collectors, factory and provider in this process. Further calls do nothing.

    If one replacement fails, all are undone.
    """
    if _is_installed():
        return
    changes = Changes()
    try:
        _install(changes)
    except BaseException:
        changes.undo()
        raise


def _install(changes: Changes) -> None:
    _replace_names(
        changes,
        [
            (_sdk.LegacyMetricsCollector, collectors.LegacyMetricsCollector),
            (_sdk.CanonicalMetricsCollector, collectors.CanonicalMetricsCollector),
            (_sdk.create_metrics_collector, factory.create_metrics_collector),
            (
                _sdk.create_metrics_collector_for_parent,
                factory.create_metrics_collector_for_parent,
            ),
        ],
    )
    _count_restarts(changes, _sdk.metrics_collector)
    settings.carry_activation(changes)
    cleanup.install(changes)
    if _sdk.HAS_FACTORY:
        subclass_hooks.mark_other_collectors(changes, _sdk.CollectorBase)
        subclass_hooks.replace(changes, _sdk.CanonicalMetricsCollector, collectors.CanonicalMetricsCollector)
    subclass_hooks.replace(changes, _sdk.LegacyMetricsCollector, collectors.LegacyMetricsCollector)
    # The parent calls the provider through the base class, for each kind of collector. This is the
    # last change, so it marks the replacement as complete.
    changes.set(_sdk.CollectorBase, "provide_metrics", staticmethod(provider.provide_metrics))


def _is_installed() -> bool:
    return _sdk.CollectorBase.provide_metrics is provider.provide_metrics


def _replace_names(changes: Changes, replacements: list[tuple[Any, Any]]) -> None:
    """Replaces the objects in all modules of the SDK that are imported so far.

    Its runners import collector and factory by name. A module imported later gets the new ones.
    """
    # The first replacement of an object applies: until 1.3 the SDK has one class in two places of
    # the list.
    by_identity = {id(old): new for old, new in reversed(replacements) if old is not None}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "conductor" and isinstance(module, ModuleType):
            for attribute, value in list(vars(module).items()):
                if id(value) in by_identity:
                    changes.set(module, attribute, by_identity[id(value)])


def _count_restarts(changes: Changes, module: Any) -> None:
    """Makes the parent count restarts with a counter that records them.

    The parent calls ``_ensure_prometheus_imported``, which sets the names, and then ``Counter``.
    """
    ensure = module._ensure_prometheus_imported

    def _ensure_prometheus_imported() -> None:
        ensure()
        # Imported here and not earlier: by now the SDK has chosen how prometheus_client is
        # imported.
        from ictus.conductor.worker_restarts import Counter  # noqa: PLC0415

        module.Counter = Counter

    changes.set(module, "_ensure_prometheus_imported", _ensure_prometheus_imported)
    if module.CollectorRegistry is not None:
        _ensure_prometheus_imported()
