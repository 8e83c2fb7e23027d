#!/usr/bin/env python3
"""Checks the language of messages: errors, log lines, help texts and findings of Rust and Python.

`.ci/check_messages.py [FILE...]` reads the string literals of the sources that users install, or of the
files named. A literal of at least three words is a message. The rules are those of `.ci/prose.py`.
Furthermore, a logged error or warning has a colon or a semicolon, before its cause or remedy. Each
fault is printed as `file:line: rule: message`.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import prose
from language import markdown, rules

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = (
    "core/src/*.rs",
    "exporter/src/*.rs",
    "ffi-c/src/*.rs",
    "py-binding/src/*.rs",
    "py-binding/python/*.py",
)
MIN_WORDS = 3
"""Shorter literals are names, keys and parts of formats."""

VALUE = "`…`"
"""Stands for a value in a message; a code span counts as one word."""
RUST = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ )
    | b?r(?P<hashes>\#*)"(?P<raw>.*?)"(?P=hashes)
    | b?"(?P<text>(?:\\.|[^"\\])*)"
    | (?P<char> '(?:\\[^']+|\\'|[^\\'\n])' )
    """,
    re.DOTALL | re.VERBOSE,
)
ESCAPES = {"n": " ", "t": " ", "r": " ", '"': '"', "\\": "\\", "'": "'"}
RUST_LOG = re.compile(r"\blog::(?:error|warn)!\(\s*\Z")
PYTHON_LOG = ("error", "warning", "exception")
UNIT_TESTS = re.compile(r"^#\[cfg\(test\)\]\n(?:#\[.*\]\n)*mod \w+ \{", re.MULTILINE)
"""The beginning of a module of tests, which is the last item of its file."""


@dataclass(frozen=True)
class Message:
    """A message, at the line where its literal begins."""

    line: int
    text: str
    is_logged: bool
    """Whether the literal is the text of a logged error or warning."""


def rust_messages(text: str) -> Iterator[Message]:
    """Yields the literals of Rust outside of comments and unit tests."""
    text = UNIT_TESTS.split(text, maxsplit=1)[0]
    for match in RUST.finditer(text):
        if match["raw"] is not None:
            value = match["raw"]
        elif match["text"] is not None:
            value = re.sub(r"\\\n\s*", "", match["text"])
            value = re.sub(r"\\(u\{\w+\}|x\w\w|.)", lambda escape: ESCAPES.get(escape[1], "x"), value)
        else:
            continue
        value = re.sub(r"\{[^{}]*\}", VALUE, re.sub(r"\{\{|\}\}", "", value))
        previous = text[max(0, match.start() - 100) : match.start()]
        yield Message(text.count("\n", 0, match.start()) + 1, value, RUST_LOG.search(previous) is not None)


def python_messages(text: str) -> Iterator[Message]:
    """Yields the literals of Python that are not docstrings."""
    nodes = list(ast.walk(ast.parse(text)))
    others: set[ast.AST] = set()
    logged: set[ast.AST] = set()
    for node in nodes:
        match node:
            case ast.Expr(value=ast.Constant() as docstring):
                others.add(docstring)
            case ast.JoinedStr(values=parts):
                others.update(parts)
            case ast.Call(func=ast.Attribute(attr=level), args=[first, *_]) if level in PYTHON_LOG:
                logged.add(first)
    for node in nodes:
        match node:
            case ast.JoinedStr(values=parts):
                shown = [str(part.value) if isinstance(part, ast.Constant) else VALUE for part in parts]
                yield Message(node.lineno, "".join(shown), node in logged)
            case ast.Constant(value=str(value)) if node not in others:
                yield Message(node.lineno, re.sub(r"%[srd]", VALUE, value), node in logged)


def is_prose(text: str) -> bool:
    """Returns whether a literal has enough words, and is not code."""
    words = re.findall(r"(?<![\w<>/.=-])[A-Za-z][a-z']*(?=[\s,;:.?!)]|\Z)", text)
    return len(words) >= MIN_WORDS and not re.search(r"[{}]|</|=>|\(\)|::", text)


def faults(name: str, messages: Iterator[Message]) -> Iterator[str]:
    """Yields the faults of the messages of a file."""
    for message in messages:
        if not is_prose(message.text):
            continue
        report = rules.check(name, markdown.split(message.line, message.text))
        yield from [*report.dialect, *report.banned, *report.long]
        if message.is_logged and not re.search(r"[:;]", message.text):
            at = f"{name}:{message.line}"
            yield f"{at}: remedy: add the cause or the remedy, after a colon or a semicolon: {message.text}"


def check(path: Path) -> Iterator[str]:
    """Yields the faults of a source."""
    text = path.read_text(encoding="utf-8")
    read = rust_messages if path.suffix == ".rs" else python_messages
    yield from faults(path.resolve().relative_to(prose.ROOT).as_posix(), read(text))


def self_check() -> None:
    """Asserts that the rules find the faults of an example in each language, and nothing else."""
    rust = (
        '// "Nobody looks."\n'
        'fn f() { log::warn!(\n"a {} that\\n is \\\n  long"); '
        'g("it is a file; remove it", r#"nobody says \'so\'"#, \'"\', "nobody") }\n'
        '#[cfg(test)]\nmod tests { "what is over" }'
    )
    python = '"""Nobody looks."""\nlog.warning(f"a {x} is left")\nraise E("whoever says so", "%s is here")\n'
    for messages, expected in (
        (rust_messages(rust), ["remedy", "nobody", "speech"]),
        (python_messages(python), ["remedy", "who", "speech"]),
    ):
        assert sorted(fault.split(": ")[1] for fault in faults("x", messages)) == sorted(expected)


def sources() -> list[Path]:
    """Returns the sources whose messages users can see, without those of tests."""
    files = prose.tracked(*SOURCES)
    return [path for path in files if path.name != "tests.rs" and "tests" not in path.parts]


def main(arguments: list[str]) -> int:
    """Runs the command line; returns 1 if a message has a fault."""
    self_check()
    faults = [fault for path in [Path(name) for name in arguments] or sources() for fault in check(path)]
    print(*faults, sep="\n", end="\n" if faults else "")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
