#!/usr/bin/env python3
"""Checks that imports between the modules of core run in one direction.

Recording and reading share the bytes (`format`) and the policy, and do not import each other
otherwise.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "core/src"
RECORDING = {"observe"}
READING = {"reader", "snapshot", "surface", "expose"}
# The modules that the modules of a row may not import.
LANE_PARTS = {"ring", "histogram", "exemplar"}
RULES: dict[str, set[str]] = {
    "sys sync sum clock catalog": {"format", "directory", "segment", *LANE_PARTS, *RECORDING, *READING},
    "format": {"directory", "segment", "ring", "exemplar", *RECORDING, *READING},
    "ring histogram exemplar": {"directory", "segment", *RECORDING, *READING},
    "directory": {"segment", *RECORDING, *READING},
    "segment": {*RECORDING, *READING},
    "policy": {"directory", "segment", *RECORDING, *READING},
    "observe": READING,
    "reader snapshot surface expose": RECORDING,
}
# Imports that violate the rules, and the reason of each.
EXCEPTIONS = {
    ("directory/clock_epoch.rs", "reader"): "a lost epoch file is made from headers and totals",
}


def imported(text: str) -> set[str]:
    """Returns the modules at the crate's root that a file names outside of its tests."""
    text = text.split("\n#[cfg(test)]\nmod tests", 1)[0]
    text = re.sub(r"//[^\n]*", "", text)
    names = set(re.findall(r"\bcrate::(\w+)", text))
    for group in re.findall(r"\bcrate::\{(.*?)\};", text, re.DOTALL):
        flat = group
        while re.search(r"\{[^{}]*\}", flat):
            flat = re.sub(r"\{[^{}]*\}", "", flat)
        names |= {name.strip().split("::")[0] for name in flat.split(",") if name.strip()}
    return names


def main() -> int:
    """Prints imports that violate the rules; returns the exit status."""
    faults: list[str] = []
    used: set[tuple[str, str]] = set()
    for modules, forbidden in RULES.items():
        for module in modules.split():
            for path in sorted((SOURCES / module).rglob("*.rs")) or [SOURCES / f"{module}.rs"]:
                file = str(path.relative_to(SOURCES))
                if "tests" in path.parts or path.stem in {"tests", "published", "weak_memory"}:
                    continue
                for name in sorted(imported(path.read_text()) & forbidden):
                    if (file, name) in EXCEPTIONS:
                        used.add((file, name))
                    else:
                        faults.append(f"core/src/{file} imports {name}, which {module} must not know")
    unused = EXCEPTIONS.keys() - used
    faults += [f"{file} imports {name} no more: drop the exception" for file, name in unused]
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(
            "imports of core run downward; exceptions:",
            *(f"{file} ({why})" for (file, _), why in EXCEPTIONS.items()),
        )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
