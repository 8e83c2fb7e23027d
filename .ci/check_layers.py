#!/usr/bin/env python3
"""Checks that imports between the modules of core run in one direction.

`ALLOWED` lists every module of `core/src` after the modules that it may import. Any other import
fails, and so does a permission that no file uses. Recording (`observe`) and reading (`reader`,
`snapshot`, `surface`, `expose`) share the modules above them and do not import each other.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "core/src"
ALLOWED: dict[str, str] = {
    # Leaves.
    "error": "",
    "failpoint": "",
    "plain_name": "",
    "printable": "",
    "literals": "",
    "packed": "",
    "catalog": "",
    "sum": "",
    # The system and the bytes.
    "sys": "packed",
    "sync": "sys",
    "clock": "sys",
    "format": "catalog clock packed sync sys",
    "policy": "format",
    "directory": "clock error failpoint format sys",
    "log_once": "clock printable sys",
    # The parts of a lane, each with its writer and its reader.
    "ring": "format sum sync",
    "histogram": "format ring sync",
    "exemplar": "clock format ring sum sync",
    # Recording.
    "options": "error format",
    "segment": "clock directory format log_once packed sync sys",
    "observe": (
        "catalog clock directory error exemplar format histogram log_once options packed plain_name policy "
        "ring segment sum sync sys"
    ),
    "at_exit": "observe sys",
    "host": "at_exit log_once observe sys",
    # Reading. The reader reads this process's own segments in memory.
    "snapshot": "catalog clock exemplar format histogram",
    "reader": (
        "catalog clock directory error exemplar failpoint format histogram log_once packed policy printable "
        "ring segment snapshot sum sys"
    ),
    "surface": "catalog error exemplar literals log_once plain_name snapshot",
    "expose": "literals snapshot surface",
    # Both.
    "maintenance": "directory error format observe policy reader",
    "registry": "at_exit catalog directory error maintenance observe options reader snapshot sys",
}
# The crate's root re-exports; it and the models may import all modules.
EXEMPT = {"lib"}
TESTS = {"tests", "published", "weak_memory"}


def imported(text: str) -> set[str]:
    """Returns the names at the crate's root that a file names outside of its tests."""
    text = text.split("\n#[cfg(test)]\nmod tests {", 1)[0]
    text = re.sub(r"//[^\n]*", "", text)
    names = set(re.findall(r"\bcrate::(\w+)", text))
    for group in re.findall(r"\bcrate::\{(.*?)\};", text, re.DOTALL):
        flat = group
        while re.search(r"\{[^{}]*\}", flat):
            flat = re.sub(r"\{[^{}]*\}", "", flat)
        names |= {name.strip().split("::")[0] for name in flat.split(",") if name.strip()}
    return names


def imports() -> dict[str, dict[str, str]]:
    """Returns, for each module, the modules that it imports, each with a file that does."""
    result: dict[str, dict[str, str]] = {}
    for path in sorted(SOURCES.rglob("*.rs")):
        file = path.relative_to(SOURCES)
        module = file.parts[0].removesuffix(".rs")
        names = result.setdefault(module, {})
        if TESTS.isdisjoint((*path.parts, path.stem)):
            names |= {name: str(file) for name in imported(path.read_text()) - {module}}
    return result


def violations(imported: dict[str, dict[str, str]], allowed: dict[str, str]) -> list[str]:
    """Returns the violations of the list, and the faults of the list itself."""
    faults: list[str] = []
    above: set[str] = set()
    for module, row in allowed.items():
        permitted = set(row.split())
        below = sorted(permitted - above)
        faults += [f"{module} may not import {name}, which is not above it" for name in below]
        unused = permitted - imported.get(module, {}).keys()
        faults += [f"{module} imports {name} no more: drop the permission" for name in sorted(unused)]
        above.add(module)
    for module, names in imported.items():
        if module in EXEMPT:
            continue
        if module not in allowed:
            faults.append(f"core/src/{module} has no row: state which modules it may import")
        names_allowed = allowed.get(module, "").split()
        faults += [
            f"core/src/{file} imports {name}, which {module} may not"
            for name, file in names.items()
            if name not in names_allowed
        ]
    return faults


def main() -> int:
    """Prints the violations; returns the exit status."""
    faults = violations(imports(), ALLOWED)
    for fault in faults:
        print(f"{fault} (.ci/check_layers.py)", file=sys.stderr)
    if not faults:
        print(f"imports between the {len(ALLOWED)} modules of core run downward")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
