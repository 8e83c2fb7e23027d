"""Fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> str:
    """A metrics directory."""
    path = tmp_path / "metrics"
    path.mkdir()
    return str(path)
