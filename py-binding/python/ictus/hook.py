"""Activation without a line in the program: waits for the SDK to be imported, then replaces its metrics.

``ictus.pth`` loads this in every interpreter that starts with ``ICTUS_CONDUCTOR=1``, and ``ictus run``
starts one so. It must never stop an interpreter, so it imports next to nothing and raises nothing.
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
"""``python -X ictus`` activates where Python does not read the environment (``-E``, ``-I``)."""

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
    """Whether an environment variable says yes."""
    return os.environ.get(variable, "").strip().lower() in ("1", "true", "yes", "on")


def start() -> None:
    """What ``ictus.pth`` calls where ``ICTUS_CONDUCTOR`` has a value, or ``-X ictus`` was given."""
    if OPTION in sys._xoptions or (is_set(ACTIVATE) and not sys.flags.ignore_environment):
        watch()


def watch() -> None:
    """Activates Ictus as soon as this process has imported the SDK's metrics, now if it has."""
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
    """The list of finders, in which the hook's is the first that is asked, wherever others put theirs.

    Import hooks, test runners and tools that measure coverage put finders before those that are there.
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
        _leave(f"{type(failed).__name__}: {failed}".splitlines()[0])


def _leave(cause: str) -> None:
    import logging  # noqa: PLC0415

    logging.getLogger("ictus").warning("the SDK's own metrics stay in use: %s", cause)


def _is_anything_imported() -> bool:
    return any(_is_being_imported(name) for name in list(sys.modules))


def _is_being_imported(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


class _Finder:
    """Finds nothing by itself: it has the awaited modules activate Ictus when they are loaded."""

    def __init__(self) -> None:
        self.waits = False
        self._is_asking = False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self.waits or self._is_asking:
            return None
        if name not in _AWAITED:
            if not _AWAITED.isdisjoint(sys.modules) and not _is_anything_imported():
                # A program replaced the list of finders, and another finder comes first in the new
                # list.
                self.waits = False
                _leave("another import hook has loaded the SDK; import ictus.conductor before it")
            return None
        self._is_asking = True
        try:
            spec = self._found_by_others(name, path, target)
        finally:
            self._is_asking = False
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            loader: Any = _Loader(spec.loader)
            spec.loader = loader
        return spec

    def _found_by_others(
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
    """A loader that activates Ictus after the one in whose place it is, which the module sees as its own."""

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
