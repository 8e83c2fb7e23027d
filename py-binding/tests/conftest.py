"""Fixtures."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


# Where tests run in the background, SIGINT is ignored, and all processes that the tests start would
# inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def directory(tmp_path: Path) -> str:
    """Returns a metrics directory."""
    path = tmp_path / "metrics"
    path.mkdir()
    return str(path)
