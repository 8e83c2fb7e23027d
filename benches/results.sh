#!/usr/bin/env bash
# Measures everything and writes benches/RESULTS.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bench() {
    cargo bench --quiet --package ictus-benches --bench "$1" --locked
}

# Each program says first on what it was run; once is enough.
tables() {
    bench "$1" | sed '1,/^$/d'
}

new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
    cat <<'TEXT'
# Results

Written by `make results`. Times are of a thread on its processor: medians of rounds in which all
candidates took turns. A share is the median of what a candidate cost in a round by what its reference
cost in the same.

TEXT
    bench budgets
    printf '\n## More processes\n\n'
    tables segments
    printf '## The slowest observations\n\nEach number has two looks at the clock in it, like the first row. The clock moves in steps.\n\n'
    tables tail
    printf '\n## From C\n\n'
    cargo build --quiet --release --package ictus-ffi --locked
    benches/c/run.sh || [[ $? == 1 ]]
    printf '\n## From Python\n\n'
    # What it exceeds is in the table.
    .venv/bin/python benches/python/bench.py || [[ $? == 3 ]]
} >"$new"
cp "$new" benches/RESULTS.md
