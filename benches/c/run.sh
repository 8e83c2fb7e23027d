#!/bin/sh
# Measures calls through the shared library, which cargo has built in target/release.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
cp "${CARGO_TARGET_DIR:-$root/target}/release/libictus_ffi.so" "$built/libictus.so.0"
ln -s libictus.so.0 "$built/libictus.so"
cc=${CC:-cc}
"$cc" -O2 -Wall -Wextra -shared -fPIC "$root/benches/c/empty.c" -o "$built/libempty.so"
"$cc" -O2 -Wall -Wextra -I"$root/include" "$root/benches/c/calls.c" -o "$built/calls" \
    -L"$built" -lempty -lictus -Wl,-rpath,"$built"
"$built/calls" "$built/metrics"
