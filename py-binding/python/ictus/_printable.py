"""Escapes text that Ictus did not write, so that a terminal or a log can show it."""

from __future__ import annotations

_MAX_CHARACTERS = 4_000
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """Returns the text with every unprintable character escaped.

    Unprintable are control characters, such as line feeds, invisible characters, and characters that change
    the direction of text, as for ``ictus::printable`` in Rust. A text of more than 4,000 characters is
    truncated.
    """
    printed = text[:_MAX_CHARACTERS]
    if not printed.isprintable():
        printed = "".join(
            character if character.isprintable() else _ESCAPES.get(character, f"\\u{{{ord(character):x}}}")
            for character in printed
        )
    return printed if len(text) <= _MAX_CHARACTERS else f"{printed}…"
