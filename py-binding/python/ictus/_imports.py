"""The imports of the native module. Tools that freeze programs find imports only in Python code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from array import array
    from pathlib import Path
    from types import ModuleType


def path_type() -> type[Path]:
    """Returns the class of the paths that the native module creates."""
    from pathlib import Path  # noqa: PLC0415

    return Path


def decorators() -> ModuleType:
    """Returns the module of decorators and context managers."""
    from ictus import _decorators  # noqa: PLC0415

    return _decorators


def exit_hooks() -> ModuleType:
    """Returns the module that calls functions when a process ends."""
    from ictus import _exit_hooks  # noqa: PLC0415

    return _exit_hooks


def doubles(data: bytes) -> array[float]:
    """Returns an array of the doubles in ``data``."""
    from array import array  # noqa: PLC0415

    return array("d", data)


def logger() -> logging.Logger:
    """Returns the logger that Ictus logs to."""
    import logging  # noqa: PLC0415

    return logging.getLogger("ictus")
