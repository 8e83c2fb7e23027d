#!/bin/sh
# Mutants of the modules whose mistakes would be wrong or lost numbers, each with its own tests; a mutant that
# these do not detect is tried with all tests. $1 is a shard, as 0/8.
set -u
cd "$(dirname "$0")/.."
made=${CARGO_TARGET_DIR:-$PWD/target}/mutants
# Each job has a copy of the sources, and must not use the other's build.
unset CARGO_TARGET_DIR
shard=$1
status=0
export CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_DEV_DEBUG=0
# One failure is enough; the smallest case is not needed.
export PROPTEST_MAX_SHRINK_ITERS=0
room() { # name filter targets -- files: the tests that are built for each mutant, and which of them run
    name=$1 filter=$2
    shift 2
    targets=
    while [ "$1" != -- ]; do
        targets="$targets --cargo-arg=$1"
        shift
    done
    shift
    files=
    for file in "$@"; do files="$files --file core/src/$file"; done
    echo "$name:"
    # shellcheck disable=SC2086
    test_mutants $files $targets -- $filter
    if [ -s "$made/$name/mutants.out/missed.txt" ]; then
        # shellcheck disable=SC2086
        test_mutants --iterate $files || status=1
    fi
}
test_mutants() {
    cargo mutants --package ictus --colors never --no-shuffle --jobs 2 --minimum-test-timeout 60 --shard "$shard" \
        --output "$made/$name" "$@"
}
mkdir -p "$made"
set -f
room quantile snapshot:: --lib -- 'snapshot/quantile/**'
room window snapshot:: --lib -- 'snapshot/window/**'
room retire reader:: --lib -- reader/retire/*.rs
room ring ring:: --lib -- 'ring/**'
room reader reader:: --lib -- reader/segment_reader.rs 'reader/cursor/**'
room recovery observe::recovery --lib -- 'observe/recovery/**'
room merged "" --lib --test=incremental_read --test=options --test=conflicting_definitions -- 'reader/aggregate/**'
echo "Missed:"
cat "$made"/*/mutants.out/missed.txt
exit $status
