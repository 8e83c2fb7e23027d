"""The words to avoid, the limits of a sentence, and their application to the sentences of a file."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field

MAX_DIALECT = 1.5
"""Maximum of dialect clauses per 1,000 words, over all files; each file may have at least one."""
MAX_WORDS = 35
"""Maximum number of words of a sentence."""


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
        r"(looks?|looked)(?! (up|for|like|into|ups|equal|different|twice)\b)",
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


def matches(rule: Rule, text: str) -> list[str]:
    """Returns the matches of a rule."""
    return [match[0] for match in re.finditer(rf"\b{rule.pattern}(?![\w-])", text, re.IGNORECASE)]


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
