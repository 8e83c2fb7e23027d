"""Tests that the SDK's names of metrics classes lead to Ictus's, which have all members of the SDK's."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from harness import HAS_FACTORY, run
from ictus import conductor
from ictus.conductor import MetricsSettings, _sdk

PAIRS = [
    pytest.param(getattr(_sdk, name), getattr(conductor, name), id=name)
    for name in ("LegacyMetricsCollector", "CanonicalMetricsCollector", "MetricsSettings")
]
FACTORY = ["create_metrics_collector", "create_metrics_collector_for_parent"]
# For each order: the modules imported before Ictus, and the activation.
ORDERS = [
    ["settings"],
    ["install"],
    ["automator.task_handler", "install"],
    ["automator.task_runner", "telemetry.metrics_collector", "settings"],
]
# The first import of a program that does not activate Ictus itself.
FIRST = [
    "automator.task_handler",
    "automator.async_task_runner",
    "telemetry.metrics_collector",
    "orkes_clients",
]
if HAS_FACTORY:
    FIRST += [
        "telemetry.legacy_metrics_collector",
        "telemetry.canonical_metrics_collector",
        "telemetry.metrics_collector_base",
        "telemetry.metrics_factory",
    ]


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_every_attribute_exists_with_the_sdks_signature(theirs: Any, ours: Any) -> None:
    assert issubclass(ours, theirs)
    names = set(dir(theirs))
    assert len(names) > 25
    assert names <= set(dir(ours))
    wrong = [
        name
        for name in sorted(names - set(dir(object)) | {"__init__"})
        if callable(getattr(theirs, name)) and not _takes(getattr(ours, name), getattr(theirs, name))
    ]
    assert not wrong


@pytest.mark.parametrize("name", FACTORY)
def test_factory_has_the_sdks_signature(name: str) -> None:
    theirs = getattr(_sdk, name)
    assert _takes(getattr(conductor, name), theirs or (lambda settings: settings))


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_instances_have_the_attributes_of_the_sdks(theirs: Any, ours: Any, directory: str) -> None:
    if theirs is _sdk.MetricsSettings:
        assert vars(theirs(directory)).keys() | {"window", "max_series"} == vars(ours(directory)).keys()
        return
    for settings in (None, MetricsSettings(directory)):
        original = object.__new__(theirs)
        original.__init__(settings)
        expected, attributes = vars(original), vars(ours(settings))
        assert attributes.keys() == expected.keys()
        # Dictionaries are subclasses of the SDK's that include the natively recorded metrics.
        kinds = {name: (type(attributes[name]), type(value)) for name, value in expected.items()}
        assert all(issubclass(ours, theirs) for ours, theirs in kinds.values()), kinds


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_names_of_the_sdk_lead_to_ictus(order: list[str]) -> None:
    _all_ours(json.loads(run("import_order.py", *order)))


@pytest.mark.parametrize("first", FIRST)
def test_hook_replaces_names_in_every_import_order(first: str) -> None:
    _all_ours(json.loads(run("import_order.py", first, ICTUS_CONDUCTOR="1")))


@pytest.mark.parametrize(("hook", "disable"), [("", ""), ("0", ""), ("1", "1")])
def test_names_are_those_of_the_sdk_without_the_hook(hook: str, disable: str) -> None:
    modules = json.loads(run("import_order.py", ICTUS_CONDUCTOR=hook, ICTUS_DISABLE=disable))
    assert modules
    assert not [name for name, module in modules.items() if "ictus" in module]


def _all_ours(modules: dict[str, str]) -> None:
    assert len(modules) == (13 if HAS_FACTORY else 8), modules
    assert not [name for name, module in modules.items() if not module.startswith("ictus.")]


def _takes(ours: Any, theirs: Any) -> bool:
    """Returns whether our signature accepts every call of theirs. Versions have added optional parameters."""
    if theirs is object.__init__:
        return True
    expected = [(p.name, p.default) for p in inspect.signature(theirs).parameters.values()]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(ours).parameters.values()
    accepted = [(p.name, p.default) for p in parameters if p.kind not in variadic]
    if len(accepted) < len(parameters):
        # The function passes on arguments that it does not name.
        expected = expected[: len(accepted)]
    more = [default for _, default in accepted[len(expected) :]]
    return accepted[: len(expected)] == expected and inspect.Parameter.empty not in more
