#!/usr/bin/env bash
# Runs the loom models of the core, all or those named: `.ci/loom.sh`, `.ci/loom.sh -- take`. Uses a
# separate target folder, because other flags rebuild everything. Optimised, but with assertions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export RUSTFLAGS="--cfg ictus_loom"
exec cargo test --package ictus --test loom --locked --profile models \
    --target-dir "${CARGO_TARGET_DIR:-target}/loom" "$@"
