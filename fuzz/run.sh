#!/bin/sh
# Runs each target for $1 seconds, from its seeds and earlier findings, and prints their number.
set -eu
cd "$(dirname "$0")"
for folder in seeds/*; do
    name=$(basename "$folder")
    mkdir -p "corpus/$name"
    log=$(mktemp)
    # Of the registry of each input, the lanes stay.
    limit=1024
    [ "$name" != labels ] || limit=8192
    echo "$name ..."
    if ! cargo fuzz run -s none "$name" "corpus/$name" "seeds/$name" "regressions/$name" -- \
        "-max_total_time=$1" -timeout=10 "-rss_limit_mb=$limit" -print_final_stats=1 >"$log" 2>&1; then
        tail -40 "$log" >&2
        exit 1
    fi
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$name: $executions executions, $covered edges, nothing found"
    rm -f "$log"
done
