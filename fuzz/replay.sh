#!/bin/sh
# Replays every seed and every input that once failed, on stable Rust and without cargo-fuzz.
set -eu
cd "$(dirname "$0")"
cargo build --locked --quiet
target=$(cargo metadata --locked --no-deps --format-version 1 --quiet | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
for folder in seeds/*; do
    name=$(basename "$folder")
    inputs=$(find "$folder" "regressions/$name" -type f ! -name '.*')
    count=$(printf '%s\n' "$inputs" | wc -l)
    log=$(mktemp)
    # shellcheck disable=SC2086 # no input's name has a blank in it
    if ! "$target/debug/$name" -timeout=10 -rss_limit_mb=512 $inputs >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
    echo "$name: $count inputs hold"
done
