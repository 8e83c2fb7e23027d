#!/bin/sh
# Makes a small static library of the one that cargo builds: `ffi-c/archive.sh FROM TO`. The result is one object that
# exports the functions of ictus.h only, so that it can be linked with other Rust libraries. It contains no code that
# these functions do not need, no debug information and no bitcode of LLVM.
set -eu
from=${1:?"usage: ffi-c/archive.sh FROM TO"}
to=${2:?"usage: ffi-c/archive.sh FROM TO"}
if [ "$(uname -s)" != Linux ]; then
    echo "$to: only on Linux are symbols hidden" >&2
    cp "$from" "$to"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The tools of Binutils complain about bitcode of a newer LLVM, and still remove it.
objcopy --strip-debug --remove-section=.llvmbc --remove-section=.llvmcmd "$from" "$work/code.a" 2>"$work/complaints" ||
    { cat "$work/complaints" >&2; exit 1; }
nm --defined-only "$work/code.a" 2>/dev/null | sed -n 's/^[0-9a-f]* T \(ictus_[a-z0-9_]*\)$/\1/p' >"$work/exported"
[ -s "$work/exported" ] || { echo "$from has no function ictus_*" >&2; exit 1; }
# Without section groups: a linker keeps one group of each name, and here all but ours would lose their symbols.
# shellcheck disable=SC2046
ld -r --gc-sections --force-group-allocation $(sed 's/^/-u /' "$work/exported") "$work/code.a" -o "$work/all.o"
objcopy --keep-global-symbols="$work/exported" --strip-unneeded "$work/all.o" "$work/ictus.o"
rm -f "$to"
ar rcs "$to" "$work/ictus.o"
