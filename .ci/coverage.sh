#!/bin/sh
# Reports the lines that no test runs, by module: Rust by cargo-llvm-cov, Python by coverage, in each
# of the virtual environments $@. Prints a table, and writes pages to target/coverage. Needs the LLVM
# version of rustc: from `rustup component add llvm-tools`, or Debian's package of the same version.
set -eu
made=$(pwd)/target/coverage
mkdir -p "$made"
cargo install --quiet --locked --root target/tools cargo-llvm-cov
PATH=$(pwd)/target/tools/bin:$PATH
if ! rustup component list --installed 2>/dev/null | grep -q llvm-tools; then
    version=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    LLVM_COV=${LLVM_COV:-/usr/lib/llvm-$version/bin/llvm-cov}
    LLVM_PROFDATA=${LLVM_PROFDATA:-/usr/lib/llvm-$version/bin/llvm-profdata}
    export LLVM_COV LLVM_PROFDATA
    [ -x "$LLVM_COV" ] || .ci/debian.sh "$LLVM_COV" "llvm-$version"
fi

cargo llvm-cov --locked --workspace --exclude ictus-py --exclude ictus-benches --no-report
cargo llvm-cov report --json --output-path "$made/rust.json"
cargo llvm-cov report --html --output-dir "$made"
# Processes that tests start are measured as well, unless they are killed.
cat >"$made/coveragerc" <<END
[run]
source_pkgs = ictus
parallel = true
patch = subprocess
data_file = $made/python/data
# Each virtual environment has its own copy, and tests make more.
[paths]
ictus =
    py-binding/python/ictus
    */ictus
[report]
include = py-binding/python/ictus/*
END
rm -rf "$made/python"
mkdir -p "$made/python"
for venv in "$@"; do "$venv/bin/python" -m pip -q --disable-pip-version-check install coverage; done
status=0
RUN="-m coverage run --rcfile=$made/coveragerc" .ci/python.sh "$@" || status=1
.venv/bin/python -m coverage combine --quiet --rcfile="$made/coveragerc"
.venv/bin/python -m coverage json --quiet --rcfile="$made/coveragerc" -o "$made/python.json"
.venv/bin/python -m coverage html --quiet --rcfile="$made/coveragerc" -d "$made/python/html"
.ci/coverage.py "$made/rust.json" "$made/python.json"
exit $status
