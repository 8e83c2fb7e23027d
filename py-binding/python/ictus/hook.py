"""Activates Ictus in an unchanged program: waits until the SDK is imported, then replaces its metrics.

``ictus.pth`` imports this module in every interpreter that starts with ``ICTUS_CONDUCTOR=1``. ``ictus run``
starts such an interpreter. This module must never stop an interpreter, so it imports little and raises
nothing.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

ACTIVATE = "ICTUS_CONDUCTOR"
DISABLE = "ICTUS_DISABLE"
OPTION = "ictus"
"""``python -X ictus`` activates Ictus if Python ignores the environment (``-E``, ``-I``)."""

_AWAITED = frozenset(
    "conductor.client." + name
    for name in (
        "telemetry.metrics_collector",
        "telemetry.metrics_collector_base",
        "telemetry.legacy_metrics_collector",
        "telemetry.canonical_metrics_collector",
        "telemetry.metrics_factory",
        # These two detect an SDK whose metrics have moved, which is refused with a message.
        "automator.task_runner",
        "automator.task_handler",
    )
)


def is_set(variable: str) -> bool:
    """Returns whether an environment variable is set to 1, true, yes or on."""
    return os.environ.get(variable, "").strip().lower() in ("1", "true", "yes", "on")


def start() -> None:
    """Activates Ictus if ``ICTUS_CONDUCTOR`` or ``-X ictus`` requires it. ``ictus.pth`` calls this."""
    if OPTION in sys._xoptions or (is_set(ACTIVATE) and not sys.flags.ignore_environment):
        watch()


def watch() -> None:
    """Activates Ictus when this process imports the SDK's metrics, or at once if it has done so."""
    if is_set(DISABLE) or _finder.waits:
        return
    _finder.waits = True
    if not isinstance(sys.meta_path, _MetaPath):
        sys.meta_path = _MetaPath(sys.meta_path)
    # Still finds the SDK if a program replaces the list by a new list of its elements.
    sys.meta_path.insert(0, _finder)
    if not _AWAITED.isdisjoint(sys.modules):
        _activate()


class _MetaPath(list[Any]):
    """A list of finders in which the hook's finder is always the first.

    Import hooks, test runners and coverage tools insert their finders at the beginning.
    """

    def __iter__(self) -> Iterator[Any]:
        if _finder.waits:
            yield _finder
        yield from super().__iter__()


def _activate(just_imported: str = "") -> None:
    # The SDK's modules import each other. The replacement starts when none of its metrics modules
    # is partly imported.
    if any(name != just_imported and ".telemetry." in name and _is_being_imported(name) for name in _AWAITED):
        return
    _finder.waits = False
    while _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    try:
        import ictus.conductor  # noqa: F401, PLC0415
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as failed:
        _warn_inactive(f"{type(failed).__name__}: {failed}".splitlines()[0])


def _warn_inactive(cause: str) -> None:
    import logging  # noqa: PLC0415

    logging.getLogger("ictus").warning("the SDK's own metrics stay in use: %s", cause)


def _is_anything_imported() -> bool:
    return any(_is_being_imported(name) for name in list(sys.modules))


def _is_being_imported(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


class _Finder:
    """Finds modules with the other finders, and makes the awaited ones activate Ictus after their import."""

    def __init__(self) -> None:
        self.waits = False
        self._is_searching = False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self.waits or self._is_searching:
            return None
        if name not in _AWAITED:
            if not _AWAITED.isdisjoint(sys.modules) and not _is_anything_imported():
                # A program replaced the list of finders, and another finder comes first in the new
                # list.
                self.waits = False
                _warn_inactive("another import hook has loaded the SDK; import ictus.conductor before it")
            return None
        self._is_searching = True
        try:
            spec = self._find_with_others(name, path, target)
        finally:
            self._is_searching = False
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            loader: Any = _Loader(spec.loader)
            spec.loader = loader
        return spec

    def _find_with_others(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                return spec
        return None


class _Loader:
    """Loads a module with the original loader, then activates Ictus. The module keeps its original loader."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> Any:
        create = getattr(self._loader, "create_module", None)
        return None if create is None else create(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec: Any = module.__spec__
        spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        if _finder.waits:
            _activate(spec.name)


_finder = _Finder()
