#!/usr/bin/env python3
"""Creates a wheel without the native module from another wheel: WHEEL DIRECTORY PLATFORM.

For systems that have no native module. There the package leaves everything to the SDK, and logs that
once.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path


def main(wheel: str, directory: str, platform: str) -> None:
    """Unpacks the wheel, leaves out the library, and packs the rest under another tag."""
    tool = [sys.executable, "-m", "wheel"]
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([*tool, "unpack", "--dest", name, wheel], check=True)
        [unpacked] = Path(name).iterdir()
        [native] = unpacked.glob("ictus/_core*.so")
        native.unlink()
        [about] = unpacked.glob("*.dist-info/WHEEL")
        kept = [line for line in about.read_text().splitlines() if not line.startswith("Tag: ")]
        about.write_text("\n".join([*kept, f"Tag: py3-none-{platform}", ""]))
        Path(directory).mkdir(parents=True, exist_ok=True)
        subprocess.run([*tool, "pack", "--dest-dir", directory, str(unpacked)], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
