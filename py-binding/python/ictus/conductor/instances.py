"""Instances of the SDK's collectors record with Ictus, by whatever name their class is known.

A program may have imported a class, or derived one of its own, before Ictus came in: such names
cannot be replaced, but what they make can.
"""

from __future__ import annotations

import functools
from typing import Any

from ictus import _core


def replace(original: type, replacement: type) -> None:
    """Makes calls of the SDK's class, and of classes derived from it, give ours."""

    def __new__(cls: type, *arguments: Any, **keywords: Any) -> Any:  # noqa: N807
        made = replacement if cls is original else _recording(cls, replacement)
        return _core.Collector.__new__(made, *arguments, **keywords)

    original.__new__ = __new__  # type: ignore[assignment]


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
    return type(derived.__name__, (derived, replacement), named)
