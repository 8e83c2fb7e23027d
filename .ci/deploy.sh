#!/bin/sh
# Lints the examples of docs/deploy with the tools that their readers have, and builds what the image has.
set -eu
folder=docs/deploy
bin=.venv/bin

"$bin/hadolint" "$folder/Dockerfile"
"$bin/kubernetes-validate" --strict --quiet "$folder/kubernetes.yaml"

.ci/debian.sh systemd-analyze systemd
unit=$(mktemp -d)
trap 'rm -rf "$unit"' EXIT
# It asks for the program itself, which is not installed here.
sed 's|/usr/local/bin/ictus|/bin/true|' "$folder/ictus.service" >"$unit/ictus.service"
systemd-analyze verify "$unit/ictus.service"
# 0 is all that systemd can take away, 10 nothing.
systemd-analyze security --offline=yes --threshold=30 "$unit/ictus.service" >"$unit/exposure" || {
    cat "$unit/exposure"
    exit 1
}

# As the image does it; its second stage has these libraries and no others.
cargo build --quiet --release --package ictus-exporter --locked
libraries=$(ldd "${CARGO_TARGET_DIR:-target}/release/ictus" | awk '{print $1}' | grep -vE 'linux-vdso|libc\.|libm\.|libgcc_s\.|/ld-linux' || true)
if [ -n "$libraries" ]; then
    echo "the image has no $libraries"
    exit 1
fi
