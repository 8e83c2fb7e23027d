"""A worker process as the SDK starts it: its only input are the settings that it unpickles."""

from __future__ import annotations

import pickle
import sys

from conductor.client.automator import async_task_runner, task_runner

settings = pickle.load(sys.stdin.buffer)
for module in (task_runner, async_task_runner):
    # The name under which the module has imported it.
    create = getattr(module, "create_metrics_collector", None) or module.MetricsCollector
    collector = create(settings)
    print(type(collector).__module__, type(collector).__name__)
