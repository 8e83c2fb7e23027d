"""Tests that external text is escaped in logs."""

from __future__ import annotations

import logging

import pytest

from ictus import _log_once
from ictus._printable import printable


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    # The same cases as in core/src/printable.rs.
    [
        ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\u202egpj.exe", "\\u{202e}gpj.exe"),
        ("a\x9b31m", "a\\u{9b}31m"),
        ("\u2066\u200b\ufeff\U000e0041\u2028\x7f", "\\u{2066}\\u{200b}\\u{feff}\\u{e0041}\\u{2028}\\u{7f}"),
        ('a \\ "b" ~ é e\u0301 中文 हिन्दी עברית 😀', 'a \\ "b" ~ é e\u0301 中文 हिन्दी עברית 😀'),
    ],
)
def test_control_and_direction_characters_are_escaped(raw: str, cleaned: str) -> None:
    assert printable(raw) == cleaned


def test_long_messages_are_cut() -> None:
    assert printable("é" * 4_000) == "é" * 4_000
    assert printable("é" * 4_001) == "é" * 4_000 + "…"


def test_notice_forges_no_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ictus"):
        _log_once.warning("a file\nictus: forged\x1b[2J")
        _log_once.warning("another file", "one cause of files")
        _log_once.warning("a third file", "one cause of files")
    assert [record.getMessage() for record in caplog.records] == [
        "a file\\nictus: forged\\u{1b}[2J",
        "another file",
    ]
