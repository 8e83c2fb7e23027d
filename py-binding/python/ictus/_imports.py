"""What the native module imports. Tools that freeze programs find imports in Python code alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from array import array
    from pathlib import Path
    from types import ModuleType


def path_type() -> type[Path]:
    """Returns the class of paths, which the native module makes."""
    from pathlib import Path  # noqa: PLC0415

    return Path


def around() -> ModuleType:
    """Returns the module of decorators and blocks."""
    from ictus import _around  # noqa: PLC0415

    return _around


def exit() -> ModuleType:  # noqa: A001
    """Returns the module that sees the end of a process."""
    from ictus import _exit  # noqa: PLC0415

    return _exit


def doubles(data: bytes) -> array[float]:
    """Returns an array of the doubles in ``data``."""
    from array import array  # noqa: PLC0415

    return array("d", data)


def logger() -> logging.Logger:
    """Returns the logger that Ictus logs to."""
    import logging  # noqa: PLC0415

    return logging.getLogger("ictus")
