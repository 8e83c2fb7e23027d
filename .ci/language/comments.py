"""Finds the comments of source files, by the strings and comments of each language."""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Comment:
    """A comment, without its marks, at the line where it begins."""

    line: int
    text: str
    alone: bool = True
    """Whether its line has no code, so that it may continue the comment of the line above."""


_BLOCK = r"(?P<block>/\*.*?\*/)"
_LINE = r"(?P<line>//[^\n]*)"
_STRING = r'"(?:\\.|[^"\\])*"'
_SHORT_STRING = r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'"
_CHARACTER = r"'(?:\\[^']+|[^'\\\n]|\\')'"
_PATTERN = r"(?<=[\s(,=:\[!&|?{};])/(?![/*\s])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/"

_RUST = rf'\bb?r(?P<hashes>#*)".*?"(?P=hashes)|{_STRING}|{_CHARACTER}|{_BLOCK}|{_LINE}'
_C = rf"{_STRING}|{_CHARACTER}|{_BLOCK}|{_LINE}"
_GO = rf"`[^`]*`|{_C}"
_JAVA = rf'"""(?:\\.|.)*?"""|{_C}'
_C_SHARP = rf'"""(?:\\.|.)*?"""|@"(?:""|[^"])*"|{_C}'
_SCRIPT = rf"`(?:\\.|[^`\\])*`|{_BLOCK}|{_LINE}|{_SHORT_STRING}|{_PATTERN}"
_HASH = rf"{_SHORT_STRING}|(?P<line>(?<!\S)#[^\n]*)"

LEXERS = {
    ".rs": _RUST,
    ".c": _C,
    ".h": _C,
    ".hpp": _C,
    ".go": _GO,
    ".java": _JAVA,
    ".cs": _C_SHARP,
    ".js": _SCRIPT,
    ".ts": _SCRIPT,
    ".css": rf"{_SHORT_STRING}|{_BLOCK}",
    ".html": r"<(?P<code>script|style)\b.*?</(?P=code)>|(?P<block><!--.*?-->)",
    **dict.fromkeys((".toml", ".sh", ".yml", ".yaml", ".rb", ".gemspec", ".service", ".txt"), _HASH),
    **dict.fromkeys(("Makefile", "Dockerfile", "CMakeLists.txt", "#!"), _HASH),
}
"""For each suffix or name, a pattern of what must not be searched, and of comments."""
DIRECTIVE = re.compile(
    r"[#/!* ]*(!/|shellcheck |noqa|type:|pragma|go:|eslint|prettier-|@ts-|cgo |syntax=|frozen_string)"
)


def is_read(path: Path) -> bool:
    """Returns whether the file is of a language whose comments are read."""
    return _kind(path) in {*LEXERS, ".py", ".pyi"}


def _kind(path: Path) -> str:
    if path.name in LEXERS or (path.suffix and not path.name.startswith("requirements")):
        return path.name if path.name in LEXERS else path.suffix
    with path.open("rb") as file:
        return "#!" if file.read(2) == b"#!" else ""


def comments(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Yields the comments of a file with their lines; those of consecutive lines as one."""
    kind = _kind(path)
    comments = _python(text) if kind in (".py", ".pyi") else _lexed(text, LEXERS[kind])
    yield from _joined(comments)


def _lexed(text: str, lexer: str) -> Iterator[Comment]:
    for match in re.finditer(lexer, text, re.DOTALL):
        groups = match.groupdict()
        line = text.count("\n", 0, match.start()) + 1
        if groups.get("line") and not DIRECTIVE.match(match[0]):
            start = text.rfind("\n", 0, match.start()) + 1
            inner = re.sub(r"^(//[/!]?|#+!?) ?", "", match[0])
            inner = re.sub(r"<see(also)? \w+=\"[^\"]*\" ?/>|<c>.*?</c>", "CODE", inner)
            inner = re.sub(r"</?(summary|remarks|returns|param|exception|para)\b[^>]*>", "", inner)
            yield Comment(line, inner.expandtabs(4), not text[start : match.start()].strip())
        elif groups.get("block") and not DIRECTIVE.match(match[0]):
            inner = re.sub(r"^(/\*+!?|<!--)|(\*/|-->)$", "", match[0])
            inner = re.sub(r"^[ \t]*\* ?", "", textwrap.dedent(" " + inner.expandtabs(4)), flags=re.MULTILINE)
            inner = re.sub(r"\{@\w+ [^}]*\}|<code>.*?</code>", "CODE", inner)
            # Each tag begins a paragraph.
            yield Comment(
                line, re.sub(r"^ *(<p>|@\w+( \{[^}]*\})?)", "\n", inner, flags=re.MULTILINE), alone=False
            )


def _python(text: str) -> Iterator[Comment]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(docstring))):
                # Without tables, whose rows are no sentences.
                yield Comment(node.lineno, re.sub(r"(?ms)^=+ =.*^=+ =[= ]*$", "", docstring), alone=False)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not DIRECTIVE.match(token.string):
            alone = not token.line[: token.start[1]].strip()
            yield Comment(token.start[0], token.string.lstrip("#!: "), alone)


def _joined(comments: Iterable[Comment]) -> Iterator[tuple[int, str]]:
    start, last, text = 0, -1, ""
    for comment in comments:
        if text and not (comment.alone and comment.line == last + 1):
            yield start, text
            text = ""
        start = start if text else comment.line
        text += comment.text + "\n"
        last = comment.line if comment.alone else -1
    if text:
        yield start, text


def summaries(path: Path, text: str) -> Iterator[str]:
    """Yields the documented public items whose summary does not end with a full stop."""
    find = SUMMARIES.get(path.suffix)
    for position, comment in find(text) if find else ():
        summary = re.split(r"\n\s*\n|\n\s*@", comment.strip())[0].strip()
        if summary and not summary.endswith((".", "…", ":", "`", "?")):
            line = text.count("\n", 0, position) + 1
            yield f"{line}: summary without a full stop: {' '.join(summary.split())[:80]}"


def _of_python(text: str) -> Iterator[tuple[int, str]]:
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield lines[node.lineno - 1], ast.get_docstring(node) or ""


def _marked(mark: str, item: str) -> Callable[[str], Iterator[tuple[int, str]]]:
    """Finds lines that begin with a mark, directly above an item."""
    pattern = re.compile(rf"((?:^[ \t]*{mark}.*\n)+)(?:^[ \t]*#\[.*\n)*^{item}", re.MULTILINE)

    def find(text: str) -> Iterator[tuple[int, str]]:
        for match in pattern.finditer(text):
            yield match.start(), re.sub(rf"^[ \t]*{mark} ?", "", match[1], flags=re.MULTILINE)

    return find


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    for match in re.finditer(r"/\*\*\s(.*?)\*/", text, re.DOTALL):
        yield match.start(), re.sub(r"^[ \t]*\* ?", "", match[1], flags=re.MULTILINE)


SUMMARIES: dict[str, Callable[[str], Iterator[tuple[int, str]]]] = {
    ".py": _of_python,
    ".pyi": _of_python,
    ".rs": _marked("///", r"[ \t]*pub (?!\()"),
    ".go": _marked("//", r"(?:func|type|var|const) (?:\([^)]*\) )?[A-Z]"),
    **dict.fromkeys((".h", ".hpp", ".java", ".js", ".ts"), _blocks),
}
