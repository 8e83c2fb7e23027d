#!/bin/sh
# Builds the wheel into dist/ with the maturin of the virtual environment $1.
set -eu
venv=$1

fail() {
    echo "$*" >&2
    exit 1
}

command -v cargo >/dev/null || fail "Rust is needed: see https://rustup.rs"
command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null ||
    fail "A C compiler is needed: Rust links with it. On Debian: apt-get install gcc libc6-dev"

echo "Building the wheel (a minute or two the first time) ..."
rm -rf dist
"$venv/bin/maturin" build --release --locked --interpreter "$venv/bin/python" \
    --manifest-path py-binding/Cargo.toml --out dist
