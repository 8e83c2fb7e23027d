#!/usr/bin/env python3
"""Fuzzes sequences of calls from Python, with arguments of every kind, against a model of their effects.

Guided by atheris (``boundary.py corpus seeds``), or without it, one file after the other
(``boundary.py --replay FILE…``). An input is a sequence of calls: one byte selects the call, and some
following bytes select its arguments.

Invariants: an invalid call raises one of the exceptions that its stub names, and changes nothing. A
snapshot equals the recorded values. Nothing panics; Python would see a panic as a ``BaseException``.
"""

from __future__ import annotations

import atexit
import math
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ictus
from ictus.conductor import LegacyMetricsCollector, MetricsSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Refusal(Exception):
    """The exception that `Awkward` raises itself."""


class Awkward:
    """An object whose conversions fail with an unexpected exception."""

    def __str__(self) -> str:
        raise Refusal("no text")

    def __float__(self) -> float:
        raise Refusal("no number")


class Float(float):
    """A float subclass."""


class Text(str):
    """A string subclass, which does not take the fast path of exact strings."""

    __slots__ = ()


TEXTS: list[Any] = [
    "a",
    "b",
    "",
    "two words",
    '"\n\\',
    "ä\U0001f600",
    "\ud800",
    "\0",
    "x" * 5000,
    Text("a"),
    b"a",
    0,
    None,
    True,
    1.5,
    ["a"],
    Awkward(),
    ValueError("a"),
    ValueError,
]
NUMBERS: list[Any] = [
    0,
    1,
    0.25,
    3.5,
    -0.0,
    -1.0,
    math.nan,
    math.inf,
    -math.inf,
    1e300,
    5e-324,
    10**400,
    -(10**30),
    True,
    Float(2.0),
    "1",
    None,
    Awkward(),
    1j,
]
LIMIT = 2.0**94
"""Durations and amounts at or above this limit are rejected: docs/metrics.md."""
UNIT = 2.0**-90
"""The error of a sum is smaller than this."""
EXPECTED = (ValueError, TypeError, OverflowError, Refusal)
"""The exceptions that a call may raise."""


class Calls:
    """An input, call by call."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def byte(self) -> int:
        """Returns the next byte; 0 after the last."""
        return next(self._data, 0)

    def one_of(self, choices: list[Any]) -> Any:
        """Returns the choice that the next byte selects."""
        return choices[self.byte() % len(choices)]

    def __iter__(self) -> Iterator[int]:
        """Yields the calls."""
        return self._data


def as_number(value: object) -> float | None:
    """Returns the number to record; infinity, which is never recorded, if it is too large for a float."""
    if isinstance(value, str):
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf
    except EXPECTED:
        return None


def as_label(value: object) -> str:
    """Returns the label text of a value, in which U+FFFD replaces half a pair of surrogates."""
    if isinstance(value, Awkward):
        return "<unprintable Awkward>"
    return str(value).encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def is_recorded(kind: str, value: float) -> bool:
    """Returns whether a value is recorded, not counted as rejected."""
    return math.isfinite(value) if kind == "gauge" else 0 <= value < LIMIT


class Model:
    """The recorded values of all calls that returned."""

    def __init__(self) -> None:
        self.registry = ictus.Registry()
        self.values: dict[tuple[str, str], list[float]] = {}
        """The accepted values of each series; for a gauge, its state."""

    def record(self, calls: Calls) -> None:
        """Makes one call of a series of one of three families."""
        kind = calls.one_of(["counter", "gauge", "timer"])
        label, number = calls.one_of(TEXTS), calls.one_of(NUMBERS)
        name = {"counter": "inc", "gauge": calls.one_of(["set", "inc", "dec"]), "timer": "observe"}[kind]
        try:
            child = getattr(self.registry, kind)(f"{kind}_of_it", "Help.", ["label"]).labels(label)
        except EXPECTED:
            return
        values = self.values.setdefault((kind, as_label(label)), [])
        try:
            getattr(child, name)(number)
        except EXPECTED:
            assert as_number(number) is None, (name, number)
            return
        value = as_number(number)
        assert value is not None, (name, number)
        if kind != "gauge":
            values.extend([value] if is_recorded(kind, value) else [])
            return
        state = sum(values)
        value = {"set": value, "inc": state + value, "dec": state - value}[name]
        if is_recorded(kind, value):
            values[:] = [value]

    def check(self) -> None:
        """Checks that a snapshot equals the recorded values."""
        snapshot = self.registry.snapshot()
        for (kind, label), values in self.values.items():
            if not values:
                continue  # No value was valid.
            if kind == "timer":
                timing = snapshot.timing("timer_of_it", label=label)
                assert timing is not None, label
                assert (timing.count, list(timing.window)) == (len(values), values[-1000:]), label
                assert math.isclose(timing.sum, math.fsum(values), rel_tol=1e-12, abs_tol=UNIT), label
            else:
                value = snapshot.value(f"{kind}_of_it", label=label)
                assert value is not None, (kind, label)
                assert math.isclose(value, math.fsum(values), rel_tol=1e-9, abs_tol=UNIT), (
                    kind,
                    label,
                    value,
                    values,
                )
        for form in ("text", "openmetrics", "protobuf"):
            self.registry.render(form)


def define(model: Model, calls: Calls) -> None:
    """Defines a family of any name, help and labels, and a series of any labels."""
    kind = calls.one_of(["counter", "gauge", "timer"])
    labels = [calls.one_of(TEXTS) for _ in range(calls.byte() % 4)]
    with suppress(*EXPECTED):
        family = getattr(model.registry, kind)(calls.one_of(TEXTS), calls.one_of(TEXTS), labels)
        family.labels(*(calls.one_of(TEXTS) for _ in range(calls.byte() % 4)))


def collect(_: Model, calls: Calls) -> None:
    """Calls one of the drop-in's recording methods, as the SDK or another caller would."""
    arguments = [calls.one_of(TEXTS + NUMBERS) for _ in range(calls.byte() % 4)]
    with suppress(*EXPECTED):
        getattr(COLLECTOR, calls.one_of(METHODS))(*arguments)


METHODS: list[Any] = sorted(
    name for name in dir(LegacyMetricsCollector) if name.startswith(("increment_", "record_"))
)
DIRECTORY = tempfile.mkdtemp(prefix="ictus-fuzz-")
atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)
COLLECTOR = LegacyMetricsCollector(MetricsSettings(directory=DIRECTORY))
CHOICES: list[Callable[[Model, Calls], None]] = [Model.record, Model.record, define, collect]


def run(data: bytes) -> None:
    """Runs one input."""
    model, calls = Model(), Calls(data)
    for call in calls:
        CHOICES[call % len(CHOICES)](model, calls)
    model.check()


def main(arguments: list[str]) -> None:
    """Fuzzes guided by atheris, or replays files."""
    if arguments[:1] == ["--replay"]:
        for name in arguments[1:]:
            run(Path(name).read_bytes())
        print(f"{len(arguments) - 1} inputs hold")
        return
    import atheris  # noqa: PLC0415 - only for this

    # Instruments the functions of this module that an input reaches; the native module is not built
    # for that.
    for function in (Model.record, Model.check, define, collect, as_label, as_number, is_recorded, run):
        atheris.instrument_func(function)
    atheris.Setup([sys.argv[0], *arguments], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
