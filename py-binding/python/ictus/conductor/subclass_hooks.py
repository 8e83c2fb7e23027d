"""Makes the SDK's collector classes, and classes derived from them, record with Ictus.

A program may have imported or derived a class before Ictus was activated. That name cannot be replaced, so
``__new__`` of the class is.
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
    """Makes a call of the SDK's class, or of a derived class, return an instance of ``replacement``."""

    def __new__(cls: type, *arguments: Any, **keywords: Any) -> Any:  # noqa: N807
        recording = replacement if cls is original else _recording_class(cls, replacement)
        return _core.Collector.__new__(recording, *arguments, **keywords)

    changes.set(original, "__new__", __new__)


def mark_other_collectors(changes: Changes, base: type) -> None:
    """Marks processes whose collectors derive only from the SDK's base class.

    These collectors record with the SDK's helpers.
    """

    def __new__(cls: type, settings: Any = None, *_arguments: Any, **_keywords: Any) -> Any:  # noqa: N807
        with contextlib.suppress(Exception):
            _sdk_recording.mark(_sdk.metrics_directory(settings))
        return object.__new__(cls)

    changes.set(base, "__new__", __new__)


@functools.cache
def _recording_class(derived: type, replacement: type) -> type:
    """Returns the derived class with ``replacement`` as an additional base."""
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
