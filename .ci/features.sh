#!/usr/bin/env bash
# Checks each feature alone: no warning, and nothing of the parts that the feature leaves out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Separate, so that other features do not rebuild what the other steps use.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/features" CARGO_INCREMENTAL=0

check() { # check PACKAGE FEATURES
    echo "$1 with the features: ${2:-none}"
    cargo clippy --quiet --locked --package "$1" --lib --no-default-features --features "$2" -- -D warnings
}

files() { # the source files of a build of the core with one feature
    local list="$CARGO_TARGET_DIR/core-$1.d"
    cargo rustc --quiet --locked --package ictus --lib --profile check --no-default-features --features "$1" \
        -- --emit=dep-info="$list"
    sed -n 's/^\(core[^ ]*\.rs\):$/\1/p' "$list"
}

lacks() { # lacks FEATURE PATTERN: no source file of the core matches the pattern
    local all found
    all=$(files "$1")
    grep -q '^core/src/lib.rs$' <<<"$all"
    if found=$(grep -E "$2" <<<"$all"); then
        printf 'core with the feature %s compiles:\n%s\n' "$1" "$found" >&2
        return 1
    fi
}

check ictus record
lacks record '/(reader|snapshot|surface|expose)/|/(reader|maintenance)\.rs$'
check ictus read
lacks read '/(observe|options|registry|segment)/|/(ring|histogram|exemplar)/writer\.rs$|/(at_exit|host|maintenance)\.rs$'

without() { # without PACKAGE...: the exporter without features links none of these
    local linked pattern
    linked=$(cargo tree --locked --package ictus-exporter --no-default-features --edges normal --prefix none)
    for pattern in "$@"; do
        if grep -E "^$pattern" <<<"$linked"; then
            echo "ictus-exporter without features links $pattern" >&2
            return 1
        fi
    done
}

without clap ratatui crossterm tokio-rustls rustls opentelemetry signal-hook
for feature in '' command top tls page otlp; do
    check ictus-exporter "$feature"
done
