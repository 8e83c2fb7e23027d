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

from ictus import _core, _notice, _provide, _sdk_recording
from ictus.conductor import (
    _sdk,
    helpers,
    methods,
    options,
    provider,
    recorded,
    surfaces,
    updates,
)

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


class _Recording(helpers.ByName, _core.Collector, metaclass=methods.CollectorType):
    """What the collectors have in common."""

    registry: Any
    must_collect_metrics: Any
    _sdk_class: Any
    _surface: str

    def __init__(self, settings: Any, *arguments: Any, **keywords: Any) -> None:
        # The SDK's constructor sets the attributes and creates no file.
        super().__init__(settings, *arguments, **keywords)
        if settings is None:
            return
        try:
            self._begin(settings)
        except Exception as failed:
            self._leave_to_sdk(settings, failed)

    def _begin(self, settings: Any) -> None:
        if not _sdk.TIMES_UPDATES:
            updates.time_them()
        self._open(_sdk.metrics_directory(settings), *options.of(settings, type(self)))
        _provide.log()
        # Imported here and not earlier: the SDK's constructor must choose how prometheus_client is
        # imported.
        from ictus import prometheus  # noqa: PLC0415

        shown, summaries = surfaces.of_collector(self._surface)
        bridges = vars(self.registry).setdefault("_ictus_bridges", set())
        # Until 1.3.3 all collectors of a process share a registry.
        shows = (_sdk.metrics_directory(settings), tuple(shown or ()))
        if shows not in bridges:
            families = functools.partial(self._families, shown, summaries=summaries)
            prometheus.register(prometheus.Bridge(families), self.registry)
            bridges.add(shows)
        _made.add(self)
        recorded.attach(self, self._surface)

    def _leave_to_sdk(self, settings: Any, cause: Exception) -> None:
        """Lets this collector record as the SDK's own does."""
        _notice.once(f"the SDK's own metrics stay in use: {cause}")
        self.__dict__["_records_by_name"] = False
        methods.use_sdk_methods_guarded(self, self._sdk_class)
        _sdk_recording.mark(_sdk.metrics_directory(settings))

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        methods.honour_overridden_helpers(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "must_collect_metrics":
            # The attribute may be set at any time, as in the SDK's collectors.
            self._paused = not value
        elif name in methods.HELPERS:
            methods.use_sdk_methods(self, self._sdk_class, methods.that_use(self._sdk_class, {name}))

    provide_metrics = staticmethod(provider.provide_metrics)

    def on_workflow_input_payload_size(self, event: Any) -> None:
        # Surfaces show an absent version in different ways, so it is recorded as absent.
        if getattr(event, "version", "") is None:
            self.record_workflow_input_payload_size(event.name, None, event.size_bytes)
        else:
            super().on_workflow_input_payload_size(event)  # type: ignore[misc]


class LegacyMetricsCollector(_Recording, _sdk.LegacyMetricsCollector):  # type: ignore[misc, valid-type]
    """The SDK's default collector."""

    _sdk_class = _sdk.LegacyMetricsCollector
    _surface = "legacy"

    def collector_name(self) -> str:
        """What the SDK calls it."""
        return "legacy"


class CanonicalMetricsCollector(_Recording, _sdk.CanonicalMetricsCollector):  # type: ignore[misc, valid-type]
    """The SDK's collector of canonical mode.

    Records the same as the other; its registry shows the canonical names.
    """

    _sdk_class = _sdk.CanonicalMetricsCollector
    _surface = "canonical"

    def collector_name(self) -> str:
        """What the SDK calls it."""
        return "canonical"


MetricsCollector = LegacyMetricsCollector
"""The name under which the SDK has always had it."""
