#!/bin/sh
# Builds the library a second time, with the next version of the segment format, and tests the two
# together.
set -eu
target=${CARGO_TARGET_DIR:-target}
built() { # flags folder options...
    flags=$1 folder=$2
    shift 2
    RUSTFLAGS=$flags cargo test --package ictus --test format_upgrade --locked --target-dir "$folder" "$@"
}
next=$(built "--cfg ictus_next_format" "$target/next" --no-run --message-format=json |
    sed -n 's/.*"name":"format_upgrade".*"executable":"\([^"]*\)".*/\1/p')
ICTUS_NEXT_FORMAT=$next built "${RUSTFLAGS:-}" "$target"
