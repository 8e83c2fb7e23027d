#!/usr/bin/env python3
"""Checks that the sources of each package name every dependency that its Cargo.toml declares.

A dependency that no source names is compiled, locked and listed in the notices for nothing. The
workspace's table must not list a dependency that no package uses, either.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The tables of dependencies, those of a single target included.
TABLE = re.compile(
    r"^\[(?:workspace\.|target\..*\.)?(?:dev-|build-)?dependencies\]\n(.*?)(?=^\[|\Z)", re.M | re.S
)
INCLUDED = re.compile(r'#\[path = "([^"]+)"\]')


def declared(manifest: Path) -> set[str]:
    """Returns the names of the dependencies of a manifest."""
    tables = TABLE.findall(manifest.read_text(encoding="utf-8"))
    return {name for table in tables for name in re.findall(r"^([\w-]+)(?:\.\w+)? *=", table, re.M)}


def sources(package: Path) -> str:
    """Returns the text of a package's sources, and of the files outside that they include."""
    text = []
    for path in package.rglob("*.rs"):
        if "target" in path.relative_to(package).parts:
            continue
        source = path.read_text(encoding="utf-8")
        text.append(source)
        for included in INCLUDED.findall(source):
            file = (path.parent / included).resolve()
            if package not in file.parents and file.exists():
                text.append(file.read_text(encoding="utf-8"))
    return "\n".join(text)


def unused(names: set[str], source: str) -> list[str]:
    """Returns the names that the code of a source does not have."""
    code = re.sub(r"//[^\n]*", "", source)
    return sorted(name for name in names if not re.search(rf"\b{name.replace('-', '_')}\b", code))


def main() -> int:
    """Prints unused dependencies; returns the exit status."""
    used: set[str] = set()
    faults = []
    for manifest in sorted(ROOT.glob("*/Cargo.toml")):
        names = declared(manifest)
        used |= names
        rest = unused(names, sources(manifest.parent))
        faults += [f"{manifest.relative_to(ROOT)}: no source uses {name}" for name in rest]
    rest = sorted(declared(ROOT / "Cargo.toml") - used)
    faults += [f"Cargo.toml: no package uses {name}" for name in rest]
    for fault in faults:
        print(f"{fault}; remove it (.ci/check_dependencies.py)", file=sys.stderr)
    if not faults:
        print(f"each of the {len(used)} dependencies is used")
    return 1 if faults or not used else 0


if __name__ == "__main__":
    sys.exit(main())
