#!/usr/bin/env python3
"""Checks the language of the docs: sentences that a reader understands at first reading.

`.ci/prose.py [FILE...]` checks all Markdown pages and the comments of the examples in docs/, or the
files named, and prints each fault as `file:line: rule: sentence`. `--table` prints the figures of
each file. `--comments` reports on the comments of Rust, Python and C instead. It fails only if they
have too many clauses in dialect.

The rules are the tables RULES, ALLOWED and the limits below.
"""

from __future__ import annotations

import ast
import fnmatch
import io
import re
import subprocess
import sys
import tokenize
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent

MAX_DIALECT = 1.5
"""Maximum of dialect clauses per 1,000 words, over all pages; each page may have at least one."""
MAX_WORDS = 35
"""Maximum number of words of a sentence."""
MAX_COLUMNS = 100
"""Maximum columns of a line of Markdown, without the targets of its links, tables and code."""


@dataclass(frozen=True)
class Rule:
    """Words to avoid. A dialect clause counts towards a rate; a banned word is a fault by itself."""

    name: str
    pattern: str
    example: str
    """A sentence in which the rule finds its pattern; each run checks this."""
    remedy: str


_VERB = (
    "is|was|are|were|has|had|have|can|cannot|could|will|would|must|may|does|did|do|goes|comes|came|fell"
    "|changed|remains|ends|ended|happens|follows|takes|needs|belongs"
)
_SUBJECT = "it|they|there|others|this|these|those|each|one|people|users|a|an|the|its"

DIALECT = (
    Rule(
        "who",
        r"(who|whoever|whom|those (who|that|which))",
        "Whoever looks reads all files.",
        "name the thing: the reader, the process, the exporter",
    ),
    Rule(
        "what",
        rf"what(ever)? ({_VERB}|{_SUBJECT})",
        "What is over goes to the overflow series.",
        "name the thing: excess series, ended processes, the result",
    ),
)

BANNED = (
    Rule("nobody", r"(nobody|somebody)('s)?", "Nobody waits.", "name the reader or the writer"),
    Rule("anew", r"(anew|for ever|evermore|to speak of)", "It looks anew.", "again, permanently"),
    Rule("beside", r"beside", "It stands beside the peers.", "with, next to, compared with, concurrently"),
    Rule(
        "image",
        r"(rooms?|house|door|guests?|strangers?|dwell|stock|ears?|desk)",
        "No room.",
        "name the thing",
    ),
    Rule("wall", r"walls?(?![ -](clock|time))", "One wall.", "module boundary; the wall clock is allowed"),
    Rule("dead", r"the dead(?= (left|leave|have|are)\b|[.,;:])", "What the dead left.", "ended processes"),
    Rule(
        "speech",
        r"(say|says|said|tell|tells|told|is asked|are asked|asks for|asked for|is answered|are answered)",
        "The file says so.",
        "reports, prints, returns, states, requests",
    ),
    Rule(
        "look",
        r"(looks?|looked)(?! (up|for|like|into|ups)\b)",
        "Each look is new.",
        "reads, polls, opens, see",
    ),
    Rule("gone", r"(is|are|was|were) (gone|over|at an end)", "It is gone.", "removed, ended, exceeded"),
    Rule("dear", r"(dear|wherein|therein|thereof)", "Calls are dear.", "expensive"),
    Rule("gives", r"gives? (how|back|the number|what)", "Gives how many.", "returns"),
    Rule("peer", r"(peers|of its own|of their own)", "Beside its peers.", "other clients; its, a separate"),
)

ALLOWED: tuple[tuple[str, str, str], ...] = (
    # Pages, words, reason.
    ("docs/memory-ordering.md", "look|give back", "names of orderings in core/models/orderings.py"),
)


EXAMPLES = ("docs/*.yml", "docs/*.yaml", "docs/*.service", "docs/*Dockerfile", "docs/*.txt")
"""Files that users copy or read, with comments that begin with `#`."""
GENERATED = ("benches/RESULTS.md",)
"""Pages written by a program, whose notes are single lines."""


@dataclass(frozen=True)
class Sentence:
    """A sentence of a page, at the line where its paragraph, item or cell begins."""

    line: int
    text: str

    @property
    def words(self) -> int:
        """Returns its number of words; a code span is one."""
        return len(re.findall(r"[^\W_][\w'.,/:%-]*", self.text))


@dataclass
class Report:
    """The figures and the faults of one file."""

    path: str
    words: int = 0
    sentences: int = 0
    dialect: list[str] = field(default_factory=list)
    banned: list[str] = field(default_factory=list)
    long: list[str] = field(default_factory=list)
    form: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Returns the dialect clauses per 1,000 words."""
        return 1000 * len(self.dialect) / max(self.words, 1)

    def row(self) -> str:
        """Returns the figures as a line of a table."""
        return (
            f"{self.path:44} {self.words:6} {len(self.dialect):5} {self.rate:6.1f}"
            f" {len(self.banned):6} {len(self.long):5} {len(self.form):5}"
        )


HEAD = f"{'file':44} {'words':>6} {'dial.':>5} {'/1000':>6} {'banned':>6} {'long':>5} {'form':>5}"


def matches(rule: Rule, text: str) -> list[str]:
    """Returns the matches of a rule."""
    return [match[0] for match in re.finditer(rf"\b{rule.pattern}(?![\w-])", text, re.IGNORECASE)]


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


def is_allowed(path: str, word: str) -> bool:
    """Returns whether a page may use a word."""
    return any(
        fnmatch.fnmatch(path, pages) and re.fullmatch(words, word, re.I) for pages, words, _ in ALLOWED
    )


def check(path: str, sentences: list[Sentence]) -> Report:
    """Applies the rules to the sentences of a file."""
    report = Report(path, sentences=len(sentences))
    for sentence in sentences:
        report.words += sentence.words
        at = f"{path}:{sentence.line}"
        for rules, faults in ((DIALECT, report.dialect), (BANNED, report.banned)):
            for rule in rules:
                for word in matches(rule, sentence.text):
                    if not is_allowed(path, word):
                        faults.append(f"{at}: {rule.name}: “{word}” ({rule.remedy}): {sentence.text}")
        if sentence.words > MAX_WORDS:
            report.long.append(f"{at}: {sentence.words} words: {sentence.text}")
    return report


def page(path: Path) -> Report:
    """Checks a page."""
    text = path.read_text(encoding="utf-8")
    name = path.resolve().relative_to(ROOT).as_posix()
    sentences = [sentence for line, part in prose(text) for sentence in split(line, part)]
    report = check(name, sentences)
    report.form = [f"{name}:{fault}" for fault in wide(text)]
    return report


def python_comments(text: str) -> Iterator[tuple[int, str]]:
    """Yields docstrings and comments of Python."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(docstring))):
                yield node.lineno, docstring
    lines = io.StringIO(text).readline
    comments = [token for token in tokenize.generate_tokens(lines) if token.type == tokenize.COMMENT]
    yield from joined((token.start[0], token.string.lstrip("#!: ")) for token in comments)


def c_comments(text: str) -> Iterator[tuple[int, str]]:
    """Yields comments of Rust and C."""
    for match in re.finditer(r"/\*.*?\*/", text, re.DOTALL):
        inner = re.sub(r"^\s*\*? ?", "", match[0][2:-2].lstrip("*!"), flags=re.MULTILINE)
        yield text.count("\n", 0, match.start()) + 1, inner
    lines = enumerate(text.splitlines(), start=1)
    marked = ((number, re.match(r"(?:[^\"]*\s)?//[/!]? ?(.*)", line)) for number, line in lines)
    yield from joined((number, match[1]) for number, match in marked if match)


def joined(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Joins comments on consecutive lines."""
    start, last, text = 0, -1, ""
    for number, line in lines:
        if number != last + 1 and text:
            yield start, text
            text = ""
        start = start if text else number
        text += line + "\n"
        last = number
    if text:
        yield start, text


def summaries(path: Path, text: str) -> Iterator[str]:
    """Yields public items of Rust and Python whose summary does not end with a full stop."""
    if path.suffix == ".rs":
        pattern = re.compile(r"((?:^[ \t]*///.*\n)+)(?:^[ \t]*#\[.*\n)*^[ \t]*pub (?!\()", re.MULTILINE)
        for match in pattern.finditer(text):
            comment = re.sub(r"^[ \t]*/// ?", "", match[1], flags=re.MULTILINE).strip()
            summary = comment.split("\n\n")[0].strip()
            if not summary.endswith((".", "…", ":", "`")):
                line = text.count("\n", 0, match.start()) + 1
                yield f"{line}: summary without a full stop: {' '.join(summary.split())[:80]}"
    elif path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                summary = (ast.get_docstring(node) or ".").split("\n\n")[0].strip()
                if not summary.endswith((".", "?", ":", "`")):
                    yield f"{node.lineno}: summary without a full stop: {summary[:80]}"


def hash_comments(text: str) -> Iterator[tuple[int, str]]:
    """Yields comments of examples: lines that begin with `#`."""
    lines = enumerate(text.splitlines(), start=1)
    marked = ((number, re.match(r"\s*#+ ?(.*)", line)) for number, line in lines)
    yield from joined((number, match[1]) for number, match in marked if match)


COMMENTS: dict[str, Callable[[str], Iterator[tuple[int, str]]]] = {
    ".rs": c_comments,
    ".c": c_comments,
    ".h": c_comments,
    ".hpp": c_comments,
    ".py": python_comments,
    ".pyi": python_comments,
}


def comments(path: Path) -> Report:
    """Reports on the comments of a source file."""
    text = path.read_text(encoding="utf-8")
    name = path.resolve().relative_to(ROOT).as_posix()
    found = COMMENTS.get(path.suffix, hash_comments)(text)
    parts = [(start + at - 1, part) for start, comment in found for at, part in prose(comment)]
    report = check(name, [sentence for line, part in parts for sentence in split(line, part)])
    report.form = [f"{name}:{fault}" for fault in summaries(path, text)]
    return report


def tracked(*patterns: str) -> list[Path]:
    """Returns the files of the repository that match, by name."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in sorted(set(listed.stdout.splitlines())) if (ROOT / line).is_file()]


def pages() -> list[Path]:
    """Returns the files that users read: those of the root, of docs/ and of the folders."""
    return [path for path in tracked("*.md", *EXAMPLES) if path.relative_to(ROOT).as_posix() not in GENERATED]


def faults(reports: list[Report]) -> Iterator[str]:
    """Yields everything that fails the check."""
    for report in reports:
        yield from report.banned
        yield from report.long
        yield from report.form
        if len(report.dialect) > max(1, MAX_DIALECT * report.words / 1000):
            yield from report.dialect
    total = sum(report.words for report in reports)
    clauses = sum(len(report.dialect) for report in reports)
    if len(reports) > 1 and 1000 * clauses > MAX_DIALECT * total:
        yield f"{1000 * clauses / total:.2f} dialect clauses per 1,000 words; {MAX_DIALECT} are allowed"


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit status, which is 1 if a page fails."""
    for rule in (*DIALECT, *BANNED):
        assert matches(rule, rule.example), f"the rule {rule.name} does not find its example"
    named = [Path(argument) for argument in arguments if not argument.startswith("--")]
    in_comments = "--comments" in arguments
    if in_comments:
        reports = [comments(path) for path in named or tracked(*(f"*{suffix}" for suffix in COMMENTS))]
    else:
        reports = [page(path) if path.suffix == ".md" else comments(path) for path in named or pages()]
    total = Report("total")
    for report in reports:
        total.words += report.words
        for name in ("dialect", "banned", "long", "form"):
            getattr(total, name).extend(getattr(report, name))
    if "--table" in arguments or in_comments:
        print(HEAD, *(report.row() for report in [*reports, total]), sep="\n")
        if not in_comments:
            return 0
        if not named:
            return int(1000 * len(total.dialect) > MAX_DIALECT * total.words)
    failed = [*total.dialect, *total.banned, *total.long, *total.form] if in_comments else [*faults(reports)]
    print(*failed, sep="\n", end="\n" if failed else "")
    return 1 if failed and not in_comments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
