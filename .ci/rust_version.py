#!/usr/bin/env python3
"""Fails when a dependency needs a newer Rust than the workspace's ``rust-version`` promises."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def number(version: str) -> tuple[int, ...]:
    """Converts ``"1.88"`` to ``(1, 88, 0)``."""
    parts = [int(part) for part in version.split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


def output(*command: str) -> str:
    """Returns the output of a command."""
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> int:
    """Compares every package of the lock file with the promise."""
    host = output("rustc", "--print", "host-tuple").strip()
    metadata = json.loads(
        output("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", host)
    )
    packages = metadata["packages"]
    promised = next(package["rust_version"] for package in packages if package["name"] == "ictus")
    stated = [package for package in packages if package["rust_version"]]
    newer = [package for package in stated if number(package["rust_version"]) > number(promised)]
    for package in newer:
        print(f"{package['name']} {package['version']} needs Rust {package['rust_version']}")
    print(f"{len(stated)} of {len(packages)} packages state a version; ours is {promised}")
    return 1 if newer else 0


if __name__ == "__main__":
    sys.exit(main())
