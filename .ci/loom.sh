#!/usr/bin/env bash
# Runs the loom models of the core, all or those named: `.ci/loom.sh`, `.ci/loom.sh -- take`.
# Other flags build everything anew, so they have a folder of their own. Optimised, but with assertions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export RUSTFLAGS="--cfg ictus_loom"
exec cargo test --package ictus --test loom --locked --profile models \
    --target-dir "${CARGO_TARGET_DIR:-target}/loom" "$@"
