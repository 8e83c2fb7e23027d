#!/usr/bin/env python3
"""Sums the lines that tests run, by module: RUST.json of cargo-llvm-cov, PYTHON.json of coverage."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def room(path: Path) -> str:
    """Returns the folder below a crate's sources, or the crate."""
    parts = path.parts
    depth = 3 if parts[0] in {"core", "exporter"} and len(parts) > 3 else 2
    return "/".join(parts[:depth])


def main(rust: str, python: str) -> None:
    """Prints the table."""
    lines: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def add(folder: str, count: int, covered: int) -> None:
        lines[folder][0] += count
        lines[folder][1] += covered

    for file in json.loads(Path(rust).read_text())["data"][0]["files"]:
        path = Path(file["filename"]).relative_to(ROOT)
        if "tests" not in path.parts and path.name != "tests.rs":
            add(room(path), file["summary"]["lines"]["count"], file["summary"]["lines"]["covered"])
    for name, file in json.loads(Path(python).read_text())["files"].items():
        inside = Path(name).parts[Path(name).parts.index("ictus") :]
        where = "/".join(("py-binding/python", *inside[: 2 if len(inside) > 2 else 1]))
        add(where, file["summary"]["num_statements"], file["summary"]["covered_lines"])
    print("| module | lines | run |\n|---|--:|--:|")
    for name, (count, covered) in sorted(lines.items()):
        print(f"| `{name}` | {count:,} | {100 * covered / max(count, 1):.1f} % |")


if __name__ == "__main__":
    main(*sys.argv[1:])
