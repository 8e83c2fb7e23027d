#!/usr/bin/env python3
"""Writes THIRD-PARTY-NOTICES.txt: the licences of all components of the wheel and the libraries.

With `--check` it only compares the file with the expected content.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "THIRD-PARTY-NOTICES.txt"
SHIPPED = ("ictus-py", "ictus-ffi", "ictus-exporter")
TARGET = "x86_64-unknown-linux-gnu"
NAMES = ("licen", "copying", "copyright", "notice", "unlicense")
VENDORED = ROOT / "exporter" / "page" / "vendor"
"""Components of the live page that are not crates: `LICENSE-NAME` of each, and its version in its sources."""
HEAD = """\
Ictus's wheel, its C library and its command contain the Rust crates below, and what their live page is
made of, under the licences that follow each. The Rust standard library is theirs too, under MIT or
Apache-2.0: https://www.rust-lang.org/policies/licenses
"""


def output(*command: str) -> str:
    """Returns the output of a cargo command."""
    return subprocess.run(["cargo", *command], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def contained() -> set[tuple[str, str]]:
    """Returns names and versions of the crates that are linked into the shipped files."""
    packages = [part for name in SHIPPED for part in ("--package", name)]
    edges = ("--edges", "normal,no-proc-macro", "--target", TARGET, "--prefix", "none", "--locked")
    lines = output("tree", *packages, *edges, "--format", "{p}").splitlines()
    words = [line.split() for line in lines if line.strip()]
    return {(name, version.removeprefix("v")) for name, version, *_ in words}


def texts(folder: Path) -> list[str]:
    """Returns the licences in a crate's folder; if there is a choice, only MIT's, which is the shortest."""
    matches = (file for file in folder.iterdir() if file.name.lower().startswith(NAMES))
    files = sorted(file for file in matches if file.is_file())
    files = [file for file in files if "mit" in file.name.lower()] or files
    return [file.read_text(encoding="utf-8", errors="replace").strip() for file in files]


def notices() -> str:
    """Returns the whole file: equal texts appear once, with all crates that have them."""
    metadata: dict[str, Any] = json.loads(output("metadata", "--format-version", "1", "--locked"))
    shipped = contained()
    crates: dict[str, list[str]] = {}
    for package in metadata["packages"]:
        if package["source"] is None or (package["name"], package["version"]) not in shipped:
            continue
        said = texts(Path(package["manifest_path"]).parent)
        text = "\n\n".join(said) or "(the crate has no text of its licence)"
        authors = ", ".join(package["authors"])
        line = f"{package['name']} {package['version']} ({package['license']})"
        crates.setdefault(text, []).append(f"{line}, by {authors}" if authors and not said else line)
    for licence in sorted(VENDORED.glob("LICENSE-*")):
        name = licence.name.removeprefix("LICENSE-")
        source = next(VENDORED.glob(f"{name}*.js")).read_text(encoding="utf-8")
        version = source.split("(v", 1)[1].split(")", 1)[0]
        crates.setdefault(licence.read_text(encoding="utf-8").strip(), []).append(f"{name} {version}")
    bar = "=" * 100
    parts = [f"{bar}\n{chr(10).join(sorted(names))}\n{bar}\n\n{text}\n" for text, names in crates.items()]
    return "\n".join([HEAD, *sorted(parts)])


def main() -> int:
    """Writes or compares the file."""
    text = notices()
    if "--check" not in sys.argv[1:]:
        FILE.write_text(text, encoding="utf-8")
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{FILE.name} is not that of Cargo.lock: run .ci/notices.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
