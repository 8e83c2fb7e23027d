"""Imports the SDK in the given order, and prints the module from which the object behind each name comes.

Arguments are modules of ``conductor.client``, ``install`` and ``settings``. All of the SDK's modules
that have the names are imported at the end.
"""

from __future__ import annotations

import importlib
import json
import sys

NAMES = {
    "telemetry.metrics_collector": ["MetricsCollector"],
    "telemetry.metrics_collector_base": [],
    "telemetry.legacy_metrics_collector": ["LegacyMetricsCollector"],
    "telemetry.canonical_metrics_collector": ["CanonicalMetricsCollector"],
    "telemetry.metrics_factory": ["create_metrics_collector", "create_metrics_collector_for_parent"],
    "automator.task_runner": ["MetricsCollector", "create_metrics_collector"],
    "automator.async_task_runner": ["MetricsCollector", "create_metrics_collector"],
    "automator.task_handler": ["MetricsCollector"],
}

if __name__ == "__main__":
    for argument in sys.argv[1:]:
        if argument == "settings":
            importlib.import_module("ictus.conductor")
        elif argument == "install":
            importlib.import_module("ictus.conductor").install()
        else:
            importlib.import_module(f"conductor.client.{argument}")
    modules = {}
    for module_name, names in NAMES.items():
        try:
            module = importlib.import_module(f"conductor.client.{module_name}")
        except ModuleNotFoundError:
            continue
        for name in names:
            if hasattr(module, name):
                modules[f"{module_name}.{name}"] = getattr(module, name).__module__
        base = getattr(module, "MetricsCollectorBase", None) or getattr(module, "MetricsCollector", None)
        if base is not None:
            modules[f"{module_name} provider"] = base.provide_metrics.__module__
    print(json.dumps(modules))
