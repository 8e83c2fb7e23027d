"""Splits Markdown into sentences, without its code, and finds its wide lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from language.rules import Sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_COLUMNS = 100
"""Maximum columns of a line of Markdown, without the targets of its links, tables and code."""


def plain(text: str) -> str:
    """Returns Markdown without its marks: a code span becomes one word, a link its text."""
    text = re.sub(r"(`+)(.+?)\1", "CODE", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"!?\[([^\]]*)\]\[[^\]]*\]", r"\1", text)
    text = re.sub(r"<https?://[^>]*>|https?://\S+", "LINK", text)
    return re.sub(r"\s+", " ", re.sub(r"[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}", "", text)).strip()


def split(line: int, text: str) -> list[Sentence]:
    """Returns the sentences of a paragraph."""
    text = re.sub(r"\b(e\.g|i\.e|etc|vs|cf|No)\.", r"\1", plain(text))
    parts = re.split(r"(?<=[.!?])[)\"”]* +(?=[\W\dA-Z])", text)
    return [Sentence(line, part) for part in parts if part]


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Yields the paragraphs, headings, items and cells of Markdown, with their lines, without code."""
    start, paragraph, fence = 0, "", ""
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        mark = re.match(r"\s*(```+|~~~+)", line)
        bare = line.strip()
        ends = not bare or mark or fence or bare.startswith(("|", "#", "<!--"))
        if ends or re.match(r"([-*+]|\d+\.) ", bare):
            if paragraph:
                yield start, paragraph
            paragraph = ""
        if mark:
            fence = "" if fence and bare.startswith(fence) else fence or mark[1]
        elif fence or not bare or bare.startswith("<!--") or (not paragraph and line.startswith("    ")):
            continue
        elif bare.startswith("|"):
            for cell in re.split(r"(?<!\\)\|", re.sub(r"`[^`]*`", "CODE", bare))[1:-1]:
                if re.search(r"[a-z]", cell):
                    yield number, cell
        elif bare.startswith("#"):
            yield number, bare.lstrip("# ")
        else:
            start = start if paragraph else number
            paragraph += " " + re.sub(r"^([-*+]|\d+\.) |^> ?", "", bare)


def wide(text: str) -> Iterator[str]:
    """Yields lines over the limit, except tables, code, pictures and the targets of links."""
    fence = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fence = not fence
        shown = re.sub(r"\]\([^)\s]*\)", "]", line)
        if (
            len(shown) > MAX_COLUMNS
            and not fence
            and not line.lstrip(" ").startswith(("|", "!["))
            and not line.startswith("    ")
        ):
            yield f"{number}: columns: {len(line)}: {line[:60]}…"
