#!/bin/sh
# Lints the examples of docs/deploy with the common tools for each, and builds the program of the
# image.
set -eu
folder=docs/deploy
bin=.venv/bin

"$bin/hadolint" "$folder/Dockerfile"
"$bin/kubernetes-validate" --strict --quiet "$folder/kubernetes.yaml"

.ci/debian.sh systemd-analyze systemd
unit=$(mktemp -d)
trap 'rm -rf "$unit"' EXIT
# systemd-analyze requires the program, which is not installed here.
sed 's|/usr/local/bin/ictus|/bin/true|' "$folder/ictus.service" >"$unit/ictus.service"
systemd-analyze verify "$unit/ictus.service"
# The exposure ranges from 0, where systemd takes away all permissions, to 10.
systemd-analyze security --offline=yes --threshold=30 "$unit/ictus.service" >"$unit/exposure" || {
    cat "$unit/exposure"
    exit 1
}

# Builds the program like the image; the image's second stage has only these libraries.
cargo build --quiet --release --package ictus-exporter --locked
libraries=$(ldd "${CARGO_TARGET_DIR:-target}/release/ictus" | awk '{print $1}' | grep -vE 'linux-vdso|libc\.|libm\.|libgcc_s\.|/ld-linux' || true)
if [ -n "$libraries" ]; then
    echo "the image has no $libraries"
    exit 1
fi
