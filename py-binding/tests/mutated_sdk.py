"""Changes an SDK consistently, in ways in which a later release may differ; without Ictus it still works.

Contains text of the releases since 1.3.0, and nothing of Ictus.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

Change = Callable[[Path], None]

CLASSES = ("LegacyMetricsCollector", "CanonicalMetricsCollector", "MetricsCollectorBase")
FUNCTIONS = ("create_metrics_collector", "_ensure_prometheus_imported", "provide_metrics")
METHODS = (
    "increment_task_poll",
    "record_task_poll_time",
    "record_task_execute_time",
    "record_api_request_time",
    "on_workflow_input_payload_size",
    "_increment_counter",
    "_record_quantiles",
    "_clean_stale_db_files",
    "clean_metrics_directory",
)
ATTRIBUTES = (
    "must_collect_metrics",
    "registry",
    "file_name",
    "update_interval",
    "http_port",
    "directory",
    "metrics_directory",
    "is_canonical",
)
MODULES = (
    "legacy_metrics_collector",
    "canonical_metrics_collector",
    "metrics_collector_base",
    "metrics_factory",
    "metrics_collector",
    "metrics_settings",
)


def copy(sdk: Path, to: Path) -> None:
    """Copies the package. Files that no change concerns are links."""
    shutil.copytree(sdk / "conductor", to / "conductor", copy_function=os.symlink)
    for about in sdk.glob("conductor_python-*.dist-info"):
        shutil.copytree(about, to / about.name)


def changes(sdk: Path) -> dict[str, Change]:
    """Returns all changes that apply to this SDK, by their description."""
    text = "".join(path.read_text(encoding="utf-8") for path in _files(sdk))
    every: dict[str, Change] = {"nothing": lambda _: None}
    for name in CLASSES + FUNCTIONS + METHODS:
        every[f"rename {name}"] = _in_all(rf"\b{name}\b", f"{name}_v2")
    for name in ATTRIBUTES:
        every[f"rename .{name}"] = _in_all(rf"(\bdef |\.){name}\b(?! import)", rf"\1{name}_v2")
    every["rename MetricsSettings"] = _in_all(r"\bMetricsSettings\b", "MetricsConfiguration")
    for name in MODULES:
        every[f"move {name}"] = _move(name)
    for name, pattern, call in (
        ("increment_task_poll", r"task_type: str", r"event\.task_type"),
        (
            "record_task_poll_time",
            r'task_type: str, time_spent: float, status: str = "SUCCESS"',
            r'.*?status="SUCCESS"',
        ),
    ):
        more = _in_all(rf"(def {name}\(self, {pattern})", r'\1, domain: str = ""')
        passed = _in_all(rf"(self\.{name}\({call})\)", r'\1, domain="d")')
        every[f"add an optional argument to {name}"] = _all(more, passed)
    every["add a required argument to increment_task_poll"] = _all(
        _in_all(r"(def increment_task_poll\(self, )", r"\1domain: str, "),
        _in_all(r"(self\.increment_task_poll\()", r'\1"d", '),
    )
    every["remove the argument of the status of requests"] = _all(
        _in_all(r"(def record_api_request_time\(self, method: str, uri: str, )status: str, ", r"\1"),
        _in_all(
            r"(MetricLabel\.STATUS: )status(,?\s*\},\s*value=time_spent,?\s*\)\s*\n\n"
            r"    (?:def __incr|# ---.*\n    # Event))",
            r'\1""\2',
        ),
        _in_all(r"(record_api_request_time\([^)]*?)\n *status=[^,]*,", r"\1"),
    )
    owner = _all(
        _in_all(r"(super\(\)\.__init__\(settings)\)", r"\1, owner)"),
        _in_all(r"((?:Legacy|Canonical)MetricsCollector\(settings)\)", r'\1, "me")'),
        _in_all(r"(self\.metrics_collector = MetricsCollector\(\s*metrics_settings)(\s*\))", r'\1, "me"\2'),
    )
    for kind, argument in (("a required", "owner"), ("an optional", 'owner="nobody"')):
        every[f"add {kind} argument to the constructors"] = _all(
            _in_all(r"(def __init__\(self, settings: MetricsSettings)\)", rf"\1, {argument})"), owner
        )
    every["add an argument to the provider"] = _all(
        _in_all(r"(def provide_metrics\(settings: MetricsSettings)\)", r"\1, parent)"),
        _in_all(r"(\.provide_metrics,\s*args=\(metrics_settings,)\)", r"\1 0)"),
    )
    every["make the provider a function"] = _all(
        _in_all(
            r"(\bclass TaskHandler\b)",
            r"def _provide(settings):\n    MetricsCollector_.provide_metrics(settings)\n\n\n\1",
        ),
        _in_all(r"target=(MetricsCollector\w*)\.provide_metrics", r"target=_provide"),
        _in_all(
            r"(from conductor\.client\.telemetry\.metrics_collector\w* import (MetricsCollector\w*))\n"
            r"(?=(?:.*\n)*?class TaskHandler)",
            r"\1\nMetricsCollector_ = \2\n",
        ),
    )
    every["add an argument to the factory"] = _all(
        _in_all(r"(def create_metrics_collector\(settings: MetricsSettings)\)", r"\1, owner)"),
        _in_all(r"(= create_metrics_collector\(\s*metrics_settings)(\s*\))", r'\1, "me"\2'),
        _in_all(r"(return create_metrics_collector\(settings)\)", r'\1, "me")'),
    )
    every["make the legacy collector's module a part of another"] = _merge_legacy
    return {name: change for name, change in every.items() if _concerns(name, text)}


def _concerns(name: str, text: str) -> bool:
    words = re.findall(r"(?:rename|move) \.?(\w+)", name)
    if name.startswith(("make the legacy", "add an argument to the factory")):
        words = ["metrics_factory"]
    return all(re.search(rf"\b{word}\b", text) for word in words)


def _files(sdk: Path) -> list[Path]:
    client = sdk / "conductor" / "client"
    folders = ("automator", "telemetry", "configuration", "event", "orkes", "http")
    return [
        path
        for folder in folders
        for path in (client / folder).rglob("*.py")
        if not {"api", "models", "adapters"} & set(path.relative_to(client).parts[:-1])
    ]


def _write(path: Path, text: str) -> None:
    # The file may be a link to the original.
    path.unlink()
    path.write_text(text, encoding="utf-8")


def _in_all(pattern: str, replacement: str) -> Change:
    def change(sdk: Path) -> None:
        for path in _files(sdk):
            text = path.read_text(encoding="utf-8")
            changed = re.sub(pattern, replacement, text)
            if changed != text:
                _write(path, changed)

    return change


def _all(*parts: Change) -> Change:
    def change(sdk: Path) -> None:
        for part in parts:
            part(sdk)

    return change


def _move(module: str) -> Change:
    def change(sdk: Path) -> None:
        [path] = [path for path in _files(sdk) if path.name == f"{module}.py"]
        path.rename(path.with_name(f"{module}_v2.py"))
        _in_all(rf"((?:import |settings\.|telemetry\.)){module}\b(?!\()", rf"\1{module}_v2")(sdk)

    return change


def _merge_legacy(sdk: Path) -> None:
    telemetry = sdk / "conductor" / "client" / "telemetry"
    legacy, shim = telemetry / "legacy_metrics_collector.py", telemetry / "metrics_collector.py"
    kept = shim.read_text(encoding="utf-8")
    kept = re.sub(r"from conductor\S+legacy_metrics_collector import .*\n", "", kept)
    _write(
        shim, legacy.read_text(encoding="utf-8") + "\n\nMetricsCollector = LegacyMetricsCollector\n" + kept
    )
    legacy.unlink()
    _in_all(r"telemetry\.legacy_metrics_collector\b", "telemetry.metrics_collector")(sdk)
