"""Tests that docs/troubleshooting.md has each line that Ictus logs, word by word, and no other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness import TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = TESTS.parents[1]
CALLS = re.compile(
    # Lines of the level debug are for developers.
    r"\blog::(?:error|warn|info)!\(|\blog_once::once\(|\.log_once\(|\berrors\.recovered\(|\b_log_once\.warning\("
    # Texts that are logged by another function.
    r"|\brecovery_thread\.start\(\|\| \{|\bpub\(crate\) fn (?:left_out|conflict)\(\w+: &[^{]*\{"
    r"|\bfn (?:cannot_make|removed)\([^{]*-> String \{"
)
LITERAL = re.compile(r'"((?:[^"\\]|\\.|\\\n)*)"')


def arguments(source: str, start: int) -> str:
    """Returns the text up to the bracket that closes the one before ``start``."""
    depth, at = 1, start
    while depth:
        if source[at] == '"':
            literal = LITERAL.match(source, at)
            assert literal is not None, source[at : at + 100]
            at = literal.end()
            continue
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(source[at], 0)
        at += 1
    return source[start : at - 1]


def templates(source: str) -> Iterator[str]:
    """Yields the texts of the log calls of a source, with an ellipsis for each value."""
    for call in CALLS.finditer(source):
        for literal in LITERAL.findall(arguments(source, call.end())):
            text = re.sub(r"\\\n\s*", "", literal).replace('\\"', '"')
            text = re.sub(r"\{\{|\}\}", lambda pair: "\0\1"[pair[0] == "}}"], text)
            text = re.sub(r"\{[^{}]*\}", "…", text).replace("\0", "{").replace("\1", "}")
            if len(re.findall(r"[a-z]{2,}", text)) > 1:
                yield text
                break


def test_templates_are_found() -> None:
    source = 'log::warn!(\n    "the file {} has \\\n    {more:?} bytes: {{x}}",\n    f("and", "others"))'
    assert list(templates(source)) == ["the file … has … bytes: {x}"]
    assert list(templates('log::error!("{cause}"); log::debug!("not this one");')) == []


def test_every_log_line_is_on_the_page() -> None:
    logged: set[str] = set()
    for path in [*ROOT.glob("*/src/**/*.rs"), *ROOT.glob("py-binding/python/**/*.py")]:
        source = path.read_text(encoding="utf-8").split("\n#[cfg(test)]\nmod tests {")[0]
        if path.parts[-3] != "benches":
            logged.update(templates(source))
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    _, section = page.split("\n## Log lines\n")
    described = re.findall(r"^\| `` ?(.*?) ?`` \|", section.split("\n## ")[0], re.MULTILINE)
    assert len(described) > 30
    assert sorted(described) == sorted(logged)
