"""Finds the SDK's class of settings, which is needed even if Ictus does not support the SDK."""

from __future__ import annotations

import importlib
import importlib.util
import typing
from pathlib import Path
from typing import Any

_NAME = "MetricsSettings"
_MODULE = "conductor.client.configuration.settings.metrics_settings"


def find() -> Any:
    """Returns the SDK's ``MetricsSettings``.

    If it has moved, this is the class that the SDK's task handler accepts. Raises ``ImportError`` if the SDK
    has no such class.
    """
    try:
        return getattr(importlib.import_module(_MODULE), _NAME)
    except (ImportError, AttributeError) as cause:
        if importlib.util.find_spec("conductor") is None:
            raise
        for search in (_find_in_task_handler, _find_in_sources):
            result = search()
            if result is not None:
                return result
        raise ImportError(f"the installed conductor-python has no {_MODULE}.{_NAME}") from cause


def _find_in_task_handler() -> Any:
    try:
        handler: Any = importlib.import_module("conductor.client.automator.task_handler")
    except ImportError:
        return None
    if isinstance(getattr(handler, _NAME, None), type):
        return getattr(handler, _NAME)
    try:
        annotated = typing.get_type_hints(handler.TaskHandler.__init__)["metrics_settings"]
    except Exception:
        return None
    classes = [one for one in typing.get_args(annotated) or (annotated,) if one is not type(None)]
    return classes[0] if len(classes) == 1 and isinstance(classes[0], type) else None


def _find_in_sources() -> Any:
    for folder in importlib.import_module("conductor.client").__path__:
        for path in sorted(Path(folder).rglob("*.py")):
            if f"class {_NAME}" not in path.read_text(encoding="utf-8", errors="replace"):
                continue
            parts = path.relative_to(folder).with_suffix("").parts
            module = ".".join(("conductor.client", *(part for part in parts if part != "__init__")))
            try:
                return getattr(importlib.import_module(module), _NAME)
            except (ImportError, AttributeError):
                continue
    return None
