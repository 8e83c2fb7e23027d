#!/usr/bin/env bash
# Builds the C library for packages into $1/PLATFORM: libictus.so (or .dylib) and libictus.a, optimized as one
# unit, without symbols for debuggers. The archive exports the functions of ictus.h only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:$HOME/.cargo/bin"
out=${1:?usage: .ci/native.sh FOLDER}
system=$(uname -s | sed 's/Linux/linux/; s/Darwin/macos/')
machine=$(uname -m | sed 's/arm64/aarch64/')
folder=$out/$system-$machine
mkdir -p "$folder"

# Cargo optimizes over crates only if a library has no other crate types. All but the C functions, into which
# recording is inlined, is optimized for size: observing takes as many instructions as in the installed library,
# and completing a chunk 4 % more.
cargo rustc --release --locked --package ictus-ffi --lib --crate-type cdylib,staticlib --target-dir "$out/build" \
    --config 'profile.release.strip="symbols"' --config 'profile.release.package."*".opt-level="s"' \
    --config 'profile.release.package.ictus.opt-level="s"' \
    --config 'profile.release.package.ictus-exporter.opt-level="s"'
ffi-c/archive.sh "$out/build/release/libictus_ffi.a" "$folder/libictus.a"
if [[ $system == macos ]]; then
    install -m 755 "$out/build/release/libictus_ffi.dylib" "$folder/libictus.dylib"
else
    install -m 755 "$out/build/release/libictus_ffi.so" "$folder/libictus.so"
fi
ls -l "$folder"
