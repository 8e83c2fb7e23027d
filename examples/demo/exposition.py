"""Reads as much of Prometheus's text format as the demonstration needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

NOTHING = float("nan")

Labels = tuple[tuple[str, str], ...]
"""Names and values."""


@dataclass(frozen=True)
class Sample:
    """One line of an exposition."""

    name: str
    labels: Labels
    value: float


_SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})?[ \t]+(?P<value>\S+)(?:[ \t]+-?\d+)?\s*"
)
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


def parse(text: str) -> tuple[list[Sample], dict[str, str]]:
    """Returns the samples of an exposition in Prometheus's text format, and the type of each family."""
    samples: list[Sample] = []
    types: dict[str, str] = {}
    for line in text.split("\n"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(maxsplit=3)
            types[name] = kind
        elif line and not line.startswith("#"):
            match = _SAMPLE.fullmatch(line)
            if match is None:
                raise ValueError(f"not a line of the text format: {line!r}")
            labels = tuple(_labels(match["labels"] or ""))
            samples.append(Sample(match["name"], labels, float(match["value"])))
    return samples, types


def total(samples: Iterable[Sample], name: str, **labels: str) -> float:
    """Returns the sum of a family's samples that have these labels."""
    return sum(
        sample.value
        for sample in samples
        if sample.name == name and labels.items() <= dict(sample.labels).items()
    )


def _labels(text: str) -> Iterator[tuple[str, str]]:
    """Yields the label pairs between the braces of a sample, unescaped."""
    position = 0
    while position < len(text):
        match = _LABEL.match(text, position)
        if match is None:
            raise ValueError(f"not a list of labels: {text!r}")
        yield match[1], re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), match[2])
        position = match.end()


@dataclass
class Timer:
    """One timer series: the quantiles of its window, its count and its sum."""

    name: str
    labels: Labels
    quantiles: dict[str, float]
    count: float
    total: float


def timers(samples: Iterable[Sample]) -> list[Timer]:
    """Returns the timers of an exposition: all series with quantiles."""
    plain: dict[tuple[str, Labels], float] = {}
    quantiles: dict[tuple[str, Labels], dict[str, float]] = {}
    for sample in samples:
        quantile = dict(sample.labels).get("quantile")
        labels = ordered(tuple(label for label in sample.labels if label[0] != "quantile"))
        if quantile is None:
            plain[sample.name, labels] = sample.value
        else:
            quantiles.setdefault((sample.name, labels), {})[quantile] = sample.value
    return [
        Timer(
            name,
            labels,
            window,
            plain.get((f"{name}_count", labels), NOTHING),
            plain.get((f"{name}_sum", labels), NOTHING),
        )
        for (name, labels), window in sorted(quantiles.items())
    ]


def ordered(labels: Labels) -> Labels:
    """Sorts labels by name, but puts the task type first, because readers search for it."""
    return tuple(sorted(labels, key=lambda label: (label[0] != "taskType", label)))
