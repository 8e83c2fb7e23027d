"""Instances of the SDK's collectors record with Ictus, by whatever name their class is known.

A program may have imported a class, or derived one of its own, before Ictus came in: such names
cannot be replaced, but what they make can.
"""

from __future__ import annotations

import contextlib
import functools
import types
from typing import TYPE_CHECKING, Any

from ictus import _core, _sdk_recording
from ictus.conductor import _sdk

if TYPE_CHECKING:
    from ictus.conductor.changes import Changes


def replace(changes: Changes, original: type, replacement: type) -> None:
    """Makes calls of the SDK's class, and of classes derived from it, return ours."""

    def __new__(cls: type, *arguments: Any, **keywords: Any) -> Any:  # noqa: N807
        made = replacement if cls is original else _recording(cls, replacement)
        return _core.Collector.__new__(made, *arguments, **keywords)

    changes.set(original, "__new__", __new__)


def watch_others(changes: Changes, base: type) -> None:
    """Marks processes with collectors of the SDK's base class alone, which record with its helpers."""

    def __new__(cls: type, settings: Any = None, *_arguments: Any, **_keywords: Any) -> Any:  # noqa: N807
        with contextlib.suppress(Exception):
            _sdk_recording.mark(_sdk.metrics_directory(settings))
        return object.__new__(cls)

    changes.set(base, "__new__", __new__)


@functools.cache
def _recording(derived: type, replacement: type) -> type:
    """The same class, but what it inherits from the SDK's it inherits from ours."""
    if issubclass(derived, _core.Collector):
        return derived
    named = {
        "__module__": derived.__module__,
        "__qualname__": derived.__qualname__,
        "__doc__": derived.__doc__,
    }
    return types.new_class(
        derived.__name__, (derived, replacement), exec_body=lambda body: body.update(named)
    )
