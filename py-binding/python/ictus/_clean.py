"""Text from outside, made fit for a terminal or a log."""

from __future__ import annotations

_MAX_CHARACTERS = 4_000
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """Returns the text with all characters escaped that a terminal or a log does not show as themselves.

    They are control characters, line feeds among them, and characters that change the direction of text or
    are invisible, as for ``ictus::printable`` in Rust. A longer text is cut.
    """
    cut = text[:_MAX_CHARACTERS]
    if not cut.isprintable():
        cut = "".join(
            character if character.isprintable() else _SHORT.get(character, f"\\u{{{ord(character):x}}}")
            for character in cut
        )
    return cut if len(text) <= _MAX_CHARACTERS else f"{cut}…"
