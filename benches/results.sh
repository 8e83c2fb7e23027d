#!/usr/bin/env bash
# Measures everything and writes benches/RESULTS.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bench() {
    cargo bench --quiet --package ictus-benches --bench "$1" --locked
}

# Each program first prints the machine; once is enough.
tables() {
    bench "$1" | sed '1,/^$/d'
}

new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
    cat <<'TEXT'
# Results

`make results` writes this page: the cost of each operation of Ictus, compared with other clients.
Times are processor times of a thread: medians of rounds in which all candidates took turns. A share
is the median over rounds of a candidate's cost divided by its reference's cost in the same round.

TEXT
    bench budgets
    printf '\n## More processes\n\n'
    tables segments
    printf '## The slowest observations\n\nEach number includes two readings of the clock, as the first row does. The clock advances in steps.\n\n'
    tables tail
    printf '\n## From C\n\n'
    cargo build --quiet --release --package ictus-ffi --locked
    benches/c/run.sh || [[ $? == 1 ]]
    printf '\n## From Python\n\n'
    # The table marks exceeded budgets.
    .venv/bin/python benches/python/bench.py || [[ $? == 3 ]]
} >"$new"
cp "$new" benches/RESULTS.md
