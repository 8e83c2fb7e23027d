"""``ictus run``: a Python program with its metrics recorded by Ictus, without a change to it."""

from __future__ import annotations

import importlib.util
import io
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from ictus import hook

USAGE = """\
Runs a Python program whose Conductor workers record with Ictus.

Usage: ictus run SCRIPT [ARGUMENT]...
       ictus run -m MODULE [ARGUMENT]...

The program runs as `python SCRIPT` or `python -m MODULE` would run it, with ICTUS_CONDUCTOR=1 in its
environment.
"""


def main(arguments: list[str]) -> int:
    """Runs the program; what it raises, ``SystemExit`` included, goes through."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    by_name = arguments[:1] == ["-m"]
    given = arguments[1:] if by_name else arguments
    if not given or given[0].startswith("-"):
        print(USAGE, end="", file=sys.stderr)
        return 2
    # For the processes that it starts.
    os.environ[hook.ACTIVATE] = "1"
    hook.watch()
    try:
        spec, code, file = _module(given[0]) if by_name else _script(given[0])
    except (ImportError, OSError) as missing:
        print(f"ictus: {missing}", file=sys.stderr)
        return 1
    sys.argv[:] = [file if by_name else given[0], *given[1:]]
    # In place of the one that called this: worker processes look for what it defines in `__main__`,
    # as long as any thread of the program runs.
    program = ModuleType("__main__")
    program.__dict__.update(__file__=file, __spec__=spec, __builtins__=__builtins__, __cached__=None)
    if spec is not None:
        program.__dict__.update(__package__=spec.parent, __loader__=spec.loader)
    sys.modules["__main__"] = program
    exec(code, program.__dict__)
    return 0


def _module(name: str) -> tuple[ModuleSpec, CodeType, str]:
    sys.path[0] = str(Path.cwd())
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
    if spec is None:
        raise ImportError(f"there is no module {name} that can be run")
    return spec, _code(spec), str(spec.origin)


def _script(path: str) -> tuple[ModuleSpec | None, CodeType, str]:
    # A folder or an archive with a `__main__`.
    spec = PathFinder.find_spec("__main__", [path])
    if spec is not None:
        sys.path[0] = path
        return spec, _code(spec), str(spec.origin)
    sys.path[0] = str(Path(path).resolve().parent)
    with io.open_code(str(Path(path).absolute())) as file:
        return None, compile(file.read(), path, "exec"), path


def _code(spec: ModuleSpec) -> CodeType:
    loader: Any = spec.loader
    code: CodeType | None = loader.get_code(spec.name) if hasattr(loader, "get_code") else None
    if code is None:
        raise ImportError(f"{spec.name} has no code that can be run")
    return code
