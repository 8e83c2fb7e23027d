"""Fixtures."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


# Where tests run in the background, what a user at a terminal can send is ignored, and so it would be
# in all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def directory(tmp_path: Path) -> str:
    """A metrics directory."""
    path = tmp_path / "metrics"
    path.mkdir()
    return str(path)
