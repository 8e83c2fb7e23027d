#!/usr/bin/env bash
# Runs unit tests of the core under AddressSanitizer, ThreadSanitizer and Miri, or under the named
# ones: `.ci/sanitize.sh`, `.ci/sanitize.sh miri`. `--help` lists what they check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:$HOME/.cargo/bin"

# A nightly with which all three pass. Sanitizers and Miri exist only in nightly compilers.
toolchain=nightly-2026-05-20
# The modules that map memory, share it between threads, handle forks and check descriptors.
mapped=(ring:: segment:: sync:: sys:: format:: exemplar:: clock:: observe:: registry::)
# Modules with packed words and casts that use plain memory only.
plain=(packed:: sum::batch reader::aggregate::packed_)

help() {
    cat <<END
Usage: .ci/sanitize.sh [address] [thread] [miri]

Runs unit tests of the core with $toolchain, which it installs by rustup.
  address  AddressSanitizer: accesses outside of an allocation, or after it was freed
  thread   ThreadSanitizer: accesses of two threads that nothing orders; builds the standard library
  miri     Miri: undefined behavior of any kind, in modules that use plain memory only

The C and C++ programs run with AddressSanitizer, UndefinedBehaviorSanitizer and valgrind in make test:
  cargo test --package ictus-ffi --test sanitizers
END
}

fail() { # ends the script with a message
    echo "sanitize: $1" >&2
    exit 1
}

# Debug information would only take disk space: reports have the names of functions anyway.
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0
target=${CARGO_TARGET_DIR:-target}/sanitize

test_address() {
    # Leaks are not checked: lanes are never freed, because a signal handler may hold one.
    ASAN_OPTIONS=detect_leaks=0 RUSTFLAGS=-Zsanitizer=address \
        cargo "+$toolchain" test --package ictus --lib --locked --target "$host" \
        --target-dir "$target/address" -- "${mapped[@]}"
}

test_thread() {
    # The standard library is built, too: without its accesses there would be false reports.
    # Optimized a little, because each access costs much time.
    RUSTFLAGS=-Zsanitizer=thread CARGO_PROFILE_TEST_OPT_LEVEL=1 \
        cargo "+$toolchain" test -Zbuild-std --package ictus --lib --locked --target "$host" \
        --target-dir "$target/thread" -- "${mapped[@]}"
}

test_miri() {
    # Few cases, because Miri is slow: the properties that are left out did not end within minutes.
    # Seeds need the real clock.
    PROPTEST_CASES=4 MIRIFLAGS=-Zmiri-disable-isolation \
        cargo "+$toolchain" miri test --package ictus --lib --locked --target-dir "$target/miri" -- \
        "${plain[@]}" --skip packed_buckets_equal_a_distribution --skip batch_equals_single_additions
}

checks=("$@")
[[ ${#checks[@]} -gt 0 ]] || checks=(address thread miri)
for check in "${checks[@]}"; do
    case $check in
        address | thread | miri) ;;
        -h | --help) help && exit ;;
        *) fail "unknown check $check; use address, thread or miri" ;;
    esac
done
command -v rustup >/dev/null ||
    fail "$toolchain cannot be installed: there is no rustup; install it from https://rustup.rs"
rustup toolchain install "$toolchain" --profile minimal --component rust-src --component miri \
    --no-self-update ||
    fail "$toolchain cannot be installed; check the connection to static.rust-lang.org, and the disk space"
host=$(rustc "+$toolchain" --version --verbose | sed -n 's/^host: //p')
for check in "${checks[@]}"; do
    echo "== $check"
    "test_$check"
done
