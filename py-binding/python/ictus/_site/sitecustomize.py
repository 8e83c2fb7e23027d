"""Starts the hook if ``ictus`` is not in a site directory, then runs the next ``sitecustomize``."""

import contextlib
import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path

with contextlib.suppress(Exception):
    from ictus import hook

    hook.start()

_here = str(Path(__file__).parent)
_next = PathFinder.find_spec("sitecustomize", [path for path in sys.path if path != _here])
if _next is not None and _next.loader is not None:
    _module = importlib.util.module_from_spec(_next)
    sys.modules["sitecustomize"] = _module
    _next.loader.exec_module(_module)
