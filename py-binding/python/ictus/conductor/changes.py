"""Changes of the SDK's names that can be undone."""

from __future__ import annotations

from typing import Any

_ABSENT = object()


def _plain_new(cls: type, *_arguments: Any, **_keywords: Any) -> Any:
    return object.__new__(cls)


class Changes:
    """Attributes that were set, with their previous values."""

    def __init__(self) -> None:
        self._previous: list[tuple[Any, str, object]] = []

    def set(self, owner: Any, name: str, value: object) -> None:
        """Sets an attribute of a class or module."""
        self._previous.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, value)

    def undo(self) -> None:
        """Restores the values before the first change."""
        while self._previous:
            owner, name, previous = self._previous.pop()
            if previous is _ABSENT and name == "__new__":
                # Once a class has had its own `__new__`, it refuses constructor arguments without
                # one.
                owner.__new__ = _plain_new
            elif previous is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, previous)
