"""Prints everything that a program can observe about how it runs.

Without postponed annotations: whether they are postponed is one of the things observed.
"""

import inspect
import json
import multiprocessing
import os
import sys
import warnings
from pathlib import Path
from typing import Any


def annotated(number: int, text: str = "") -> list[str]:
    return [text] * number


def in_child(queue: Any) -> None:
    import __main__  # noqa: PLC0415

    queue.put([__name__, __main__.__name__, getattr(__main__, "__file__", None), sys.argv])


def observed() -> dict[str, Any]:
    import __main__  # noqa: PLC0415

    spec = __main__.__spec__
    return {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv[1:],
        "path": sys.path,
        "flags": str(sys.flags),
        "warnoptions": sys.warnoptions,
        "filters": [str(one) for one in warnings.filters],
        "main": {
            name: repr(value)
            for name, value in sorted(vars(__main__).items())
            if name.startswith("__")
            and name not in ("__loader__", "__builtins__", "__spec__", "__annotations__")
        },
        "same": vars(__main__) is globals(),
        "loader": type(__main__.__loader__).__name__,
        "spec": None if spec is None else [spec.name, spec.origin, spec.parent, type(spec.loader).__name__],
        "annotations": repr(inspect.get_annotations(annotated)),
        "future": annotated.__code__.co_flags,
        "filename": annotated.__code__.co_filename,
        "frames": len(inspect.stack()),
        "cwd": str(Path.cwd()),
        "executable": sys.executable,
        "prefixes": [sys.prefix, sys.base_prefix, sys.exec_prefix],
        "streams": [sys.stdin.isatty(), sys.stdout.encoding, sys.stdout.line_buffering, sys.stdin.encoding],
        "environment": {
            k: v for k, v in sorted(os.environ.items()) if k not in ("ICTUS_CONDUCTOR", "_", "SHLVL")
        },
        "start method": multiprocessing.get_start_method(allow_none=True),
        "interactive": [hasattr(sys, "ps1"), bool(sys.flags.interactive)],
        "threads": len(__import__("threading").enumerate()),
        "signals": str(__import__("signal").getsignal(2)),
    }


if __name__ == "__main__":
    state = observed()
    if sys.argv[-1] == "spawn":
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        child = context.Process(target=in_child, args=(queue,))
        child.start()
        state["child"] = queue.get(timeout=30)
        child.join()
    warnings.warn("shown", DeprecationWarning, stacklevel=1)
    print(json.dumps(state, indent=1))
    sys.exit(7)
