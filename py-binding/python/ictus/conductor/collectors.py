"""The SDK's collectors with native recording methods.

The native class comes first in the order of resolution, so its methods take the place of the SDK's
recording methods and event handlers. Everything else is the SDK's own: its constructor, attributes and
helpers. Its event handlers, which call the recording methods on ``self``, are used wherever a program
overrides one of these methods.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from typing import Any

from ictus import _core, _log_once, _provider_loop, _sdk_recording
from ictus.conductor import (
    _sdk,
    by_name,
    collector_attributes,
    events,
    methods,
    options,
    provider,
    surfaces,
    task_update_timing,
)

_collectors: weakref.WeakSet[Any] = weakref.WeakSet()


def _renew_locks() -> None:
    """Replaces the locks in a forked child, where a lock that a thread of the parent held stays locked.

    Recording takes none of them. Collecting from the registry does, and so do the SDK's helpers.
    """
    for collector in list(_collectors):
        collector._lock = threading.RLock()
        if hasattr(collector.registry, "_lock"):
            collector.registry._lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_locks)


class _Recording(by_name.ByName, _core.Collector, metaclass=methods.CollectorType):
    """The common base of the collectors."""

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
            task_update_timing.install()
        self._open(_sdk.metrics_directory(settings), *options.from_settings(settings, type(self)))
        _provider_loop.forward_log()
        # Imported here and not earlier: the SDK's constructor must choose how prometheus_client is
        # imported.
        from ictus import prometheus  # noqa: PLC0415

        shown_surfaces, summaries = surfaces.for_collector(self._surface)
        bridges = vars(self.registry).setdefault("_ictus_bridges", set())
        # Until 1.3.3 all collectors of a process share a registry.
        key = (_sdk.metrics_directory(settings), tuple(shown_surfaces or ()))
        if key not in bridges:
            families = functools.partial(self._families, shown_surfaces, summaries=summaries)
            prometheus.register(prometheus.Bridge(families), self.registry)
            bridges.add(key)
        _collectors.add(self)
        collector_attributes.attach(self, self._surface)

    def _leave_to_sdk(self, settings: Any, cause: Exception) -> None:
        """Makes this collector record as the SDK's own does."""
        _log_once.warning(f"the SDK's own metrics stay in use: {cause}")
        self.__dict__["_records_by_name"] = False
        methods.use_sdk_methods_guarded(self, self._sdk_class)
        _sdk_recording.mark(_sdk.metrics_directory(settings))

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        methods.respect_overridden_helpers(cls)
        _core.Collector._note_class_change()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "__dict__":
            _core.Collector._note_class_change()
        elif name == "must_collect_metrics":
            # The attribute may be set at any time, as in the SDK's collectors.
            self._paused = not value
        elif name in methods.HELPERS:
            methods.use_sdk_methods(self, self._sdk_class, methods.methods_that_use(self._sdk_class, {name}))

    provide_metrics = staticmethod(provider.provide_metrics)

    def _native_handlers(self) -> Any:
        return events.native_handlers(type(self))

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
        """Returns the SDK's name of this collector."""
        return "legacy"


class CanonicalMetricsCollector(_Recording, _sdk.CanonicalMetricsCollector):  # type: ignore[misc, valid-type]
    """The SDK's collector of canonical mode.

    It records the same metrics as the default collector. Its registry shows the canonical names.
    """

    _sdk_class = _sdk.CanonicalMetricsCollector
    _surface = "canonical"

    def collector_name(self) -> str:
        """Returns the SDK's name of this collector."""
        return "canonical"


MetricsCollector = LegacyMetricsCollector
"""The name of the default collector in all releases of the SDK."""
