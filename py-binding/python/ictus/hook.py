"""Activation without a line in the program: waits for the SDK to be imported, then replaces its metrics.

``ictus.pth`` loads this in every interpreter that starts with ``ICTUS_CONDUCTOR=1``, and ``ictus run``
in its own. It must never stop an interpreter, so it imports next to nothing and raises nothing.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

ACTIVATE = "ICTUS_CONDUCTOR"
DISABLE = "ICTUS_DISABLE"

_TELEMETRY = "conductor.client.telemetry."
_AWAITED = frozenset(
    _TELEMETRY + name
    for name in (
        "metrics_collector",
        "metrics_collector_base",
        "legacy_metrics_collector",
        "canonical_metrics_collector",
        "metrics_factory",
    )
)


def is_set(variable: str) -> bool:
    """Whether an environment variable says yes."""
    return os.environ.get(variable, "").strip().lower() in ("1", "true", "yes", "on")


def start() -> None:
    """What ``ictus.pth`` calls where ``ICTUS_CONDUCTOR`` has a value."""
    if is_set(ACTIVATE):
        watch()


def watch() -> None:
    """Activates Ictus as soon as this process has imported the SDK's metrics, now if it has."""
    if is_set(DISABLE) or _finder in sys.meta_path:
        return
    sys.meta_path.insert(0, _finder)
    if not _AWAITED.isdisjoint(sys.modules):
        _activate()


def _activate(just_imported: str = "") -> None:
    # The SDK's modules import each other: replacing starts when none of them is half made.
    if any(name != just_imported and _is_being_imported(name) for name in _AWAITED):
        return
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    try:
        import ictus.conductor  # noqa: F401, PLC0415
    except Exception:
        import logging  # noqa: PLC0415

        logging.getLogger("ictus").warning("the SDK's own metrics stay in use", exc_info=True)


def _is_being_imported(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


class _Finder:
    """Finds nothing by itself: it has the loaders of the awaited modules tell when they are done."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _AWAITED:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                _have_told(spec)
                return spec
        return None


def _have_told(spec: ModuleSpec) -> None:
    loader: Any = spec.loader
    # One that is shared, or takes no attributes, is left alone, and so is the SDK.
    if isinstance(loader, type) or not hasattr(loader, "__dict__"):
        return
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        if _finder in sys.meta_path:
            _activate(spec.name)

    loader.exec_module = exec_module


_finder = _Finder()
