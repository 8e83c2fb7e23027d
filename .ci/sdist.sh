#!/bin/sh
# Installs the Python package from its source distribution, as pip does if there is no wheel, and uses
# it. Compares the C library requirement of the wheel $1 with the documentation.
set -eu
wheel=$1
made=$(pwd)/target/ci/sdist
rm -rf "$made"
mkdir -p "$made"

grep -q "$(.venv/bin/python -m auditwheel show "$wheel" | tr -d '"' | grep -o 'manylinux_2_[0-9]*_x86_64\|manylinux_2_[0-9]*_aarch64' | head -n 1)" docs/python.md || {
    echo "docs/python.md does not say what auditwheel says:" >&2
    .venv/bin/python -m auditwheel show "$wheel" >&2
    exit 1
}

.venv/bin/maturin sdist --manifest-path py-binding/Cargo.toml --out "$made"
.venv/bin/python -m venv "$made/venv"
# Uses a separate folder, because cargo confuses packages at the same place below the workspace. The
# check is about missing files, so the compiler need not optimise.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=0
CARGO_TARGET_DIR=$made/target "$made/venv/bin/python" -m pip -q --disable-pip-version-check install "$made"/ictus-*.tar.gz
cd "$made"
venv/bin/python - <<'END'
import importlib.metadata

import ictus

registry = ictus.Registry("metrics")
registry.timer("job_seconds").observe(0.5)
assert b"job_seconds_count 1.0" in registry.render()
files = {file.name for file in importlib.metadata.files("ictus") or []}
missing = {"LICENSE", "THIRD-PARTY-NOTICES.txt", "py.typed", "_core.pyi", "ictus.pth"} - files
assert not missing, missing
END
venv/bin/ictus dump metrics --format table
