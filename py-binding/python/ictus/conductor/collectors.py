"""The SDK's collectors, recording natively.

The native class comes first in the order of resolution, so its methods take the place of the SDK's
recording methods. Everything else is the SDK's own: its constructor and attributes, its helpers,
and its event handlers, which call the recording methods on ``self`` and so honour overrides.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from typing import Any

from ictus import _core, _notice
from ictus.conductor import _sdk, helpers, options, provider, surfaces, updates

_made: weakref.WeakSet[Any] = weakref.WeakSet()


def _renew_locks() -> None:
    """In a forked child: a lock that a thread of its parent held would be held for ever.

    Recording takes none of them, but the registry's collecting does, and so do the SDK's helpers.
    """
    for collector in list(_made):
        collector._lock = threading.RLock()
        if hasattr(collector.registry, "_lock"):
            collector.registry._lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_locks)


class _Recording(helpers.ByName, _core.Collector):
    """What the collectors have in common."""

    registry: Any

    def __init__(self, settings: Any) -> None:
        # The SDK's constructor: it sets the attributes and creates no file.
        super().__init__(settings)
        if settings is None:
            return
        if not _sdk.TIMES_UPDATES:
            updates.time_them()
        directory = _sdk.metrics_directory(settings)
        # Not earlier: the SDK's constructor has to choose how prometheus_client is imported.
        from ictus.prometheus import Bridge  # noqa: PLC0415

        _made.add(self)
        shown, summaries = surfaces.view(settings)
        self.registry.register(Bridge(functools.partial(self._families, shown, summaries=summaries)))
        try:
            self._open(directory, *options.of(settings, type(self)))
        except Exception as refused:
            # A worker without metrics is better than no worker.
            _notice.once(f"metrics are not recorded: {refused}")

    @property
    def must_collect_metrics(self) -> bool:
        """Whether anything is recorded; may be set at any time, as with the SDK's collectors."""
        return bool(self.__dict__["must_collect_metrics"])

    @must_collect_metrics.setter
    def must_collect_metrics(self, must: bool) -> None:
        self.__dict__["must_collect_metrics"] = must
        self._paused = not must

    provide_metrics = staticmethod(provider.provide_metrics)

    def on_workflow_input_payload_size(self, event: Any) -> None:
        # Surfaces spell an absent version differently, so it is recorded as absent.
        version = None if event.version is None else str(event.version)
        self.record_workflow_input_payload_size(event.name, version, event.size_bytes)


class LegacyMetricsCollector(_Recording, _sdk.LegacyMetricsCollector):
    """The SDK's default collector."""

    def collector_name(self) -> str:
        """What the SDK calls it."""
        return "legacy"


class CanonicalMetricsCollector(_Recording, _sdk.CanonicalMetricsCollector):
    """The SDK's collector of canonical mode.

    Records the same as the other: what is shown is chosen by whoever reads.
    """

    def collector_name(self) -> str:
        """What the SDK calls it."""
        return "canonical"


MetricsCollector = LegacyMetricsCollector
"""The name under which the SDK has always had it."""
